"""The optimizer steps of an epoch as a data set: each item is one step's traces, cut into packs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch.utils.data import Dataset

from midcourse.learn import packing
from midcourse.learn.cluster.processes import Processes, divide
from midcourse.learn.compute import rows
from midcourse.learn.cutting import cut
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build
from midcourse.learn.settings import TrainSettings
from midcourse.words import counted

Again = Callable[[int], Sequence[Example]]  # what an epoch (from 0) trains on


class Steps(Dataset[list[Layout]]):
    """The optimizer steps of the current `epoch`, each as the packs that this process runs of it; there may be none.

    With `again` an epoch has examples of its own, as many as `examples`, in the same order.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        settings: TrainSettings,
        *,
        by_rows: bool,
        everyone: Processes,
        again: Again | None = None,
    ) -> None:
        self.again, self._made_for = again, -1
        self.pieces = [cut(example, settings.max_tokens, by_rows=by_rows) for example in examples]
        self.notice = _notice(self.pieces, settings.max_tokens, rows.size if by_rows else len)
        self.settings = settings
        self.by_rows = by_rows
        self.epoch = 0
        self.everyone = everyone

    def __len__(self) -> int:
        return math.ceil(len(self.pieces) / self.settings.batch)

    def smallest(self) -> Layout:
        """The cheapest pass through the model that there is."""
        return min((build([piece]) for some in self.pieces for piece in some), key=len)

    def __getitem__(self, number: int) -> list[Layout]:
        settings = self.settings
        if self.again is not None and self._made_for != self.epoch:
            found = self.again(self.epoch)
            assert len(found) == len(self.pieces), "an epoch of another size"
            self.pieces = [cut(example, settings.max_tokens, by_rows=self.by_rows) for example in found]
            self._made_for = self.epoch
        order = packing.steps(len(self.pieces), settings.batch, seed=settings.seed, epoch=self.epoch)
        chosen = [piece for place in sorted(order[number]) for piece in self.pieces[place]]
        if self.everyone.count > 1:
            layouts = [build([piece]) for piece in chosen]
            costs = [rows.size(layout) if self.by_rows else len(layout) for layout in layouts]
            chosen = [chosen[place] for place in divide(costs, self.everyone.count)[self.everyone.rank]]
        return packing.fill(chosen, settings.max_tokens, by_rows=self.by_rows)


def _notice(pieces: Sequence[Sequence[Example]], max_tokens: int, size: Callable[[Layout], int]) -> str | None:
    """What to tell of examples that are cut, and what it costs."""
    large = [some for some in pieces if len(some) > 1]
    if not large:
        return None
    computed = sum(size(build([piece])) for some in large for piece in some)
    whole = [size(build(some)) for some in large]
    return (
        f"more than {max_tokens:,} tokens: {counted(len(large), 'trace')} of {len(pieces):,}, through the model in "
        f"{sum(map(len, large))} pieces, with the same gradient: {computed:,} tokens instead of {sum(whole):,}; "
        f"with --max-tokens {max(whole)}, if memory allows, none is cut"
    )
