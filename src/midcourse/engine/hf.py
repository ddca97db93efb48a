"""The transformers engine: one answer at a time, extended by ids, rolled back to any length, resumed.

Representation: one `Context`, which holds what the model has read, so resuming after a steer costs the correction, not
the prompt; another one for guidance, with the same answer after a prompt that asks for nothing; and the `Batches`.

Invariants: what is generated does not depend on what was held before. One forward pass at most lies between setting
`cancel` and the end of a stream.

Shapes: V tokens of the vocabulary.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch

from midcourse.engine import together
from midcourse.engine.batch import Batches
from midcourse.engine.context import CHUNK, Context, Kind, Reuse
from midcourse.engine.contract import Abilities, Generated
from midcourse.engine.many import each
from midcourse.engine.sampling import Sampling, Step, best, choose, distribution, guided, needed
from midcourse.errors import ModelError

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded
    from midcourse.models.tokenizer import HFTokenizer

__all__ = ["CHUNK", "Reuse", "TransformersEngine", "next_step"]


class TransformersEngine:
    """Next tokens from a loaded model. Not for several threads at a time: `Loaded.owner` says who computes."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.last_reuse = Reuse(0, 0)
        self.kind = Kind.of(loaded)
        self._context = Context(loaded, self.kind)
        self._neutral = Context(loaded, self.kind)
        self._joined: bool | None = None  # whether both can go through the model in one pass; None: not tried yet
        self._batches = Batches(loaded, self.kind.windows)

    @property
    def tokenizer(self) -> HFTokenizer:
        """The model's tokenizer."""
        return self.loaded.tokenizer

    @property
    def context_length(self) -> int:
        """How many tokens the model can see."""
        return self.loaded.context_length

    @property
    def model_name(self) -> str:
        """The name under which the model was loaded."""
        return self.loaded.name

    @property
    def windows(self) -> tuple[int | None, ...] | None:
        """The window of each layer, as in `cache.layer_windows`."""
        return self.kind.windows

    @property
    def rolls_back(self) -> bool:
        """Whether the cache can be cut to any length; otherwise a steer feeds the whole context again."""
        return self.windows is not None

    @property
    def abilities(self) -> Abilities:
        """Everything, but for cutting back what some architectures have read."""
        return Abilities(rolls_back=self.rolls_back)

    @property
    def source(self) -> str:
        """Digits of the weights that write, those of the adapter included."""
        from midcourse.digests import fingerprint

        return fingerprint(self.loaded.model)

    # ---- one answer ----------------------------------------------------------------------------------------------

    def feed(self, ids: Sequence[int], *, cancel: threading.Event | None = None) -> Reuse:
        """Make the cache hold exactly `ids`, feeding only what it lacks. Raises `ContextError` if they are too many."""
        with self.loaded.owner("reading"):
            return self._feed(ids, cancel)

    def prepare(self, ids: Sequence[int]) -> None:
        """Read `ids`, and keep what was read."""
        self.feed(ids)

    def next(self, ids: Sequence[int], top: int = 10) -> Step:
        """The distribution after `ids`: the most probable token and the `top` most probable ones."""
        with self.loaded.owner("reading"):
            self._feed(ids, None)
            assert self._context.logits_V is not None
            return next_step(self._context.logits_V, Sampling(), len(ids), top)

    def stream(
        self,
        ids: Sequence[int],
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None = None,
        cancel: threading.Event | None = None,
        top: int = 10,
        neutral: Sequence[int] | None = None,
    ) -> Iterator[Step]:
        """Write on after `ids`, token by token.

        It ends after a token that ends an answer, `max_tokens`, the end of the context, as soon as `stop` returns True
        for the tokens written so far, or within one token after `cancel` is set. The token after n tokens depends on
        (ids, sampling, n): a resumed stream is the uninterrupted one. `neutral` are the same ids after a prompt that
        asks for nothing; they are needed where `sampling.guidance` is not 1, and not looked at otherwise. Steps carry
        the model's own log-probabilities, without guidance. Raises `ContextError` when `ids` fill the context.
        """
        self._context.check(ids, room=1)
        if (neutral := needed(sampling, neutral)) is not None:
            self._neutral.check(neutral, room=1)
        with self.loaded.owner("writing"):
            yield from self.write(
                ids, sampling, max_tokens=max_tokens, stop=stop, cancel=cancel, top=top, neutral=neutral
            )

    def write(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None,
        cancel: threading.Event | None,
        top: int,
        neutral: Sequence[int] | None = None,
    ) -> Iterator[Step]:
        """`stream` for who owns the model already."""
        written: list[int] = []
        neutral = needed(sampling, neutral)
        longest = max(len(ids), len(neutral or ()))
        while len(written) < max_tokens and longest + len(written) < self.context_length:
            reuse = self._feed([*ids, *written], cancel, None if neutral is None else [*neutral, *written])
            if not written:
                self.last_reuse = reuse
            if cancel is not None and cancel.is_set():
                return
            assert self._context.logits_V is not None
            neutral_V = None if neutral is None else self._neutral.logits_V
            step = next_step(self._context.logits_V, sampling, len(ids) + len(written), top, neutral_V)
            written.append(step.id)
            yield step
            if step.id in self.tokenizer.end_ids or (stop is not None and stop(written)):
                return

    # ---- many answers --------------------------------------------------------------------------------------------

    def batch(
        self,
        prefixes: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling] = Sampling(),  # noqa: B008 - frozen
        *,
        max_tokens: int | Sequence[int],
        stop: Callable[[int, list[int]], bool] | None = None,
        cancel: threading.Event | None = None,
        top: int = 0,
        neutral: Sequence[Sequence[int]] | None = None,
    ) -> list[Generated]:
        """Write on after each of `prefixes` at the same time, see `Batches.generate`; one after the other where rows
        of the model cannot share a pass."""
        for ids in (*prefixes, *(neutral or ())):
            self._context.check(ids, room=1)
        with self.loaded.owner("writing"):
            if not self._batches.possible:
                neutrals: Sequence[Sequence[int] | None] = neutral or [None] * len(prefixes)
                draws = each(sampling, max_tokens, len(prefixes))
                return [
                    self._alone(ids, drawn, limit, stop and partial(stop, row), cancel, top, other)
                    for row, (ids, (drawn, limit), other) in enumerate(zip(prefixes, draws, neutrals, strict=True))
                ]
            made, self.last_reuse = self._batches.generate(
                prefixes, sampling, max_tokens=max_tokens, stop=stop, cancel=cancel, top=top, neutral=neutral
            )
            return made

    def _alone(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        limit: int,
        stop: Callable[[list[int]], bool] | None,
        cancel: threading.Event | None,
        top: int,
        neutral: Sequence[int] | None,
    ) -> Generated:
        """An answer of a batch by itself."""
        steps = list(self.write(ids, sampling, max_tokens=limit, stop=stop, cancel=cancel, top=top, neutral=neutral))
        written = [step.id for step in steps]
        ended = bool(written) and written[-1] in self.tokenizer.end_ids
        return Generated(written, [step.logprob for step in steps], ended, [step.top for step in steps])

    # ---- the cache -----------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Forget all that is cached, and free its memory."""
        self._context.drop()
        self._neutral.drop()
        self._batches.drop()

    def close(self) -> None:
        """Free what is cached; the model belongs to whoever loaded it."""
        self.drop()

    def _feed(self, ids: Sequence[int], cancel: threading.Event | None, neutral: Sequence[int] | None = None) -> Reuse:
        reuse = self._context.begin(ids)
        if neutral is None:
            self._read(self._context, ids, cancel)
            return reuse
        apart = self._neutral.begin(neutral)
        fed = sorted((reuse.fed, apart.fed))
        few = fed[0] > 0 and fed[1] <= together.FEW and reuse.reused and apart.reused
        if few and self._together():
            if not (cancel is not None and cancel.is_set()):
                together.read([self._context, self._neutral], [ids[-reuse.fed :], neutral[-reuse.fed :]])
            return reuse
        self._read(self._context, ids, cancel)
        self._neutral.borrow(self._context, neutral)
        self._read(self._neutral, neutral, cancel)
        return reuse

    def _read(self, context: Context, ids: Sequence[int], cancel: threading.Event | None) -> None:
        while not (cancel is not None and cancel.is_set()) and not context.read(ids, CHUNK):
            pass

    def _together(self) -> bool:
        if self._joined is None:
            self._joined = together.check(self.loaded, self.kind)
        return self._joined


def next_step(
    logits_V: torch.Tensor, sampling: Sampling, position: int, top: int, neutral_V: torch.Tensor | None = None
) -> Step:
    """The token that comes at `position` (from the start of the prompt) by these logits, and the `top` likeliest.

    With the logits of a neutral prompt it is drawn with guidance; probabilities are the model's own in any case.
    """
    with torch.inference_mode():
        logp_V = distribution(logits_V)
        drawn_V = logits_V if neutral_V is None else guided(logits_V, neutral_V, sampling.guidance)
        token = choose(drawn_V[None], [sampling], [position])[0]
        logprob = float(logp_V[token])
        if logprob != logprob:  # NaN
            raise ModelError("the model's output is not a number: its weights or the adapter are damaged")
        return Step(token, logprob, best(logp_V, top))
