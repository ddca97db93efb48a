"""Row by row: every segment with its own copy of its context, one plain causal sequence at a time.

What the packed pass must equal, and what models fall back to whose layers a mask cannot isolate.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from midcourse.learn.batch import Batch
from midcourse.learn.layout import Layout


def sequences(layout: Layout) -> list[tuple[list[int], list[int]]]:
    """For each segment the rows of its path up to its last predicting row, and the layout's target numbers."""
    targets: list[list[int]] = [[] for _ in layout.segments]
    for target, segment in enumerate(layout.segment_T):
        targets[segment].append(target)
    return [(layout.path(layout.row_T[mine[-1]]), mine) for mine in targets]


def size(layout: Layout) -> int:
    """How many tokens the model sees, row by row."""
    return sum(len(path) for path, _ in sequences(layout))


def inputs(batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What a model is given for each segment: ids (1, L), the places that predict its targets, the targets' tokens."""
    layout, start = batch.layout, 0
    for path, targets in sequences(batch.layout):
        assert targets == list(range(start, start + len(targets))), "targets lie segment after segment"
        start += len(targets)
        place = {row: depth for depth, row in enumerate(path)}
        ids_1L = batch.token_1N[:, torch.tensor(path, device=batch.token_1N.device)]
        at_t = torch.tensor([place[layout.row_T[target]] for target in targets], device=ids_1L.device)
        yield ids_1L, at_t, batch.token_T[targets[0] : start]
