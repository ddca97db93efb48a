"""Row by row: every segment with its own copy of its context, one plain causal sequence at a time.

What the packed pass must equal, and what models fall back to whose layers a mask cannot isolate.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from midcourse.learn.batch import Batch
from midcourse.learn.cluster.sharding import inside
from midcourse.learn.layout import Layout

if TYPE_CHECKING:
    from midcourse.learn.compute.network import Network


def sequences(layout: Layout) -> list[tuple[list[int], list[int]]]:
    """For each segment the rows of its path up to its last predicting row, and the layout's target numbers."""
    targets: list[list[int]] = [[] for _ in layout.segments]
    for target, segment in enumerate(layout.segment_T):
        targets[segment].append(target)
    return [(layout.path(layout.row_T[mine[-1]]), mine) for mine in targets]


def size(layout: Layout) -> int:
    """How many tokens the model sees, row by row."""
    return sum(len(path) for path, _ in sequences(layout))


def logprobs(network: Network, batch: Batch) -> Tensor:
    """Log-probability of each target, (T,), differentiable, by the model's own forward pass over each sequence."""
    return inside(network.model, lambda: _logprobs(network, batch))


def _logprobs(network: Network, batch: Batch) -> Tensor:
    parts = []
    picks = "logits_to_keep" in inspect.signature(type(network.causal).forward).parameters
    for ids_1L, at_t, token_t in _inputs(batch):
        if picks:
            logits_tV = network.causal(input_ids=ids_1L, use_cache=False, logits_to_keep=at_t).logits[0]
        else:
            logits_tV = network.causal(input_ids=ids_1L, use_cache=False).logits[0].index_select(0, at_t)
        logits_tV = logits_tV if logits_tV.dtype == torch.float64 else logits_tV.float()
        parts.append(logits_tV.log_softmax(-1).gather(-1, token_t[:, None])[:, 0])
    return torch.cat(parts)


def hidden(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """The hidden state that predicts each target, (T, D), and the numbers 0 to T."""
    parts = [
        network.decoder(input_ids=ids_1L, use_cache=False).last_hidden_state[0].index_select(0, at_t)
        for ids_1L, at_t, _ in _inputs(batch)
    ]
    return torch.cat(parts), torch.arange(len(batch.token_T), device=batch.token_T.device)


def _inputs(batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """For each segment: ids (1, L), the places that predict its targets, and the targets' tokens."""
    layout, start = batch.layout, 0
    for path, targets in sequences(batch.layout):
        assert targets == list(range(start, start + len(targets))), "targets lie segment after segment"
        start += len(targets)
        place = {row: depth for depth, row in enumerate(path)}
        ids_1L = batch.token_1N[:, torch.tensor(path, device=batch.token_1N.device)]
        at_t = torch.tensor([place[layout.row_T[target]] for target in targets], device=ids_1L.device)
        yield ids_1L, at_t, batch.token_T[targets[0] : start]
