"""What the model thought before: log-probabilities with the adapter off, or before full fine-tuning.

One pass over the same kind of layout, kept by content: a segment is found again by its own ids and all before them,
whatever batch it comes in. So it is computed once, not once an epoch, and a later round of training on the same base
model that is given the same `Reference` computes only what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from midcourse.errors import ElsewhereError, TrainingError
from midcourse.learn.batch import Batch, batch
from midcourse.learn.cluster import sharding
from midcourse.learn.cluster.processes import ALONE, Processes
from midcourse.learn.compute.network import Network, Output
from midcourse.learn.guards import nonfinite
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout

Off = Callable[[], AbstractContextManager[None]]
See = Callable[[Batch, Output], None]
Told = tuple[dict[bytes, Tensor], dict[bytes, Tensor]]  # log-probabilities and hidden states by content


class Reference:
    """Log-probabilities by content; with `hidden`, also the hidden states that predict each token.

    `head` maps names of the model's output weights to their values before training, None while they are frozen.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self.keeps_hidden = hidden
        self.head: dict[str, Tensor] | None = None
        self._logp: dict[bytes, Tensor] = {}
        self._hidden: dict[bytes, Tensor] = {}
        self._broken: list[Example] = []

    def __len__(self) -> int:
        return len(self._logp)

    @torch.no_grad()
    def learn(self, network: Network, layouts: Sequence[Layout], off: Off, see: See | None = None) -> Iterator[int]:
        """Run `network` over all of `layouts`, inside `off()`; yields the tokens of each pass.

        `see` is shown what each pass gave. What is not finite is not kept: `check` says so, and comes next.
        """
        for layout in layouts:
            keys = _keys(layout)
            made = batch(layout, network.device)
            with off():
                output = network(made)
            if not torch.isfinite(output.logp_T).all():
                self._broken += layout.examples
                if sharding.is_divided(network.model):  # the others can't go on alone
                    continue
                return
            if see is not None:
                see(made, output)
            counts = [len(placed.segment) for placed in layout.segments]
            for key, logp_t in zip(keys, torch.split(output.logp_T, counts), strict=True):
                self._logp[key] = logp_t.clone()
            if self.keeps_hidden:
                hidden_TD = output.hidden_RD[output.index_T]
                for key, hidden_tD in zip(keys, torch.split(hidden_TD, counts), strict=True):
                    self._hidden[key] = hidden_tD.clone()
            yield len(layout)

    @torch.no_grad()
    def check(self, network: Network, off: Off, everyone: Processes = ALONE) -> None:
        """Raises `TrainingError` if anything was not finite in any process, and says in which trace.

        All processes look at the traces of all, each at the same one at a time.
        """
        broken: list[Example] = []
        mine, self._broken = self._broken, []
        for some in everyone.gather(mine):
            broken += [example for example in some if example not in broken]
        if not broken:
            return

        def sound(layout: Layout) -> bool:
            with off():
                good = torch.isfinite(network(batch(layout, network.device)).logp_T).all()
            return not everyone.most(not good)

        where = nonfinite.culprits(broken, sound)
        if not everyone.main:
            raise ElsewhereError(TrainingError.exit_code)
        raise TrainingError(f"the reference's log-probabilities are not finite {where}")

    def knows(self, layout: Layout) -> bool:
        """Whether there is nothing in `layout` to learn."""
        known = self._hidden if self.keeps_hidden else self._logp
        return all(key in known for key in _keys(layout))

    def told(self, layouts: Sequence[Layout]) -> Told:
        """What is known of `layouts`, on the CPU, for another process."""
        keys = {key for layout in layouts for key in _keys(layout)}
        logp = {key: self._logp[key].cpu() for key in keys}
        return logp, {key: self._hidden[key].cpu() for key in keys} if self.keeps_hidden else {}

    def hear(self, told: Told, device: torch.device) -> None:
        """Take what another process found."""
        for mine, theirs in zip((self._logp, self._hidden), told, strict=True):
            mine |= {key: value.to(device) for key, value in theirs.items() if key not in mine}

    def logp(self, batch: Batch) -> Tensor:
        """The reference's log-probability of each target of `batch`, (T,)."""
        return torch.cat([self._logp[key] for key in _keys(batch.layout)])

    def hidden(self, batch: Batch) -> Tensor:
        """The reference's hidden state before each target of `batch`, (T, D)."""
        return torch.cat([self._hidden[key] for key in _keys(batch.layout)])


def _keys(layout: Layout) -> list[bytes]:
    """For each segment a digest of its tokens, and of all tokens before each of them."""
    digest_N: list[bytes] = []
    for token, above in zip(layout.token_N, layout.parent_N, strict=True):
        before = digest_N[above] if above >= 0 else b""
        digest_N.append(hashlib.blake2b(before + token.to_bytes(8, "little"), digest_size=16).digest())
    digest_G = [hashlib.blake2b(digest_size=16) for _ in layout.segments]
    for row, token, segment in zip(layout.row_T, layout.token_T, layout.segment_T, strict=True):
        digest_G[segment].update(digest_N[row] + token.to_bytes(8, "little"))
    return [digest.digest() for digest in digest_G]
