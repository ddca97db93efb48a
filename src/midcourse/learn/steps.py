"""The optimizer steps of an epoch as a data set: each item is one step's traces, cut into packs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch.utils.data import Dataset

from midcourse.learn import packing, rows
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.settings import TrainSettings


class Steps(Dataset[list[Layout]]):
    """The optimizer steps of the current `epoch`, each as its packs."""

    def __init__(self, examples: Sequence[Example], settings: TrainSettings, *, by_rows: bool) -> None:
        self.examples = examples
        self.settings = settings
        self.size = rows.size if by_rows else len
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self.settings.batch)

    def __getitem__(self, number: int) -> list[Layout]:
        settings = self.settings
        order = packing.steps(len(self.examples), settings.batch, seed=settings.seed, epoch=self.epoch)
        chosen = [self.examples[place] for place in sorted(order[number])]
        return packing.packs(chosen, settings.max_tokens, self.size)
