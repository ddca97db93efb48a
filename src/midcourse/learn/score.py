"""Log-probabilities of both sides of every steer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from midcourse.learn import check, items, packing
from midcourse.learn.batch import batch
from midcourse.learn.compute.network import Network
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build
from midcourse.trace.tree import Trace

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded


@dataclass(frozen=True, slots=True)
class SteerScore:
    """One steer: sums of log-probabilities in nats, and lengths; `rejected_…` parallel to the steer's rejected runs.

    `trace` counts the traces given, `steer` the trace's steers. `chosen_…` is None for a mark.
    """

    trace: int
    steer: int
    chosen_logp: float | None
    rejected_logp: list[float]
    chosen_tokens: int | None
    rejected_tokens: list[int]


def score(
    loaded: Loaded, traces: Iterable[Trace], rows: bool = False, *, max_tokens: int = 4096
) -> Iterator[SteerScore]:
    """A score for each steer, in order, steers of weight 0 and those set aside included.

    Packed, as training sees them; with `rows` each side runs with its own copy of its context through the model's plain
    forward pass, which is what packed must equal. A model that cannot be packed is scored by rows in any case.
    Raises `ContextError` before the first score when a trace is longer than the model's context.
    """
    found = [example for number, trace in enumerate(traces) if (example := _every_steer(number, trace))]
    check.fit(found, [build([example]) for example in found], loaded.context_length)
    if not found:
        return
    with loaded.owner("scoring"):
        loaded.model.eval()
        network = Network(loaded.model, "rows") if rows else check.choose(loaded.model, found).network
        row_by_row = network.way == "rows"
        scores: list[SteerScore] = []
        for layout in packing.packs(found, max_tokens, by_rows=row_by_row):
            scores += _scores(network, layout, row_by_row=row_by_row)
    yield from sorted(scores, key=lambda one: (one.trace, one.steer))


def _every_steer(number: int, trace: Trace) -> Example | None:
    segments = tuple(items.steered(trace))
    return Example(number, trace, segments) if segments else None


@torch.no_grad()
def _scores(network: Network, layout: Layout, *, row_by_row: bool) -> Sequence[SteerScore]:
    made = batch(layout, network.device)
    logp_T = network.logprobs_by_rows(made) if row_by_row else network(made).logp_T
    sums = torch.zeros(len(layout.segments), dtype=torch.float64).index_add(
        0,
        made.segment_T.cpu(),
        logp_T.cpu().double(),  # not every device has float64
    )
    scores: dict[tuple[int, int], SteerScore] = {}
    for placed, logp in zip(layout.segments, sums.tolist(), strict=True):
        number, segment = layout.examples[placed.example].number, placed.segment
        assert segment.steer is not None
        one = scores.setdefault((number, segment.steer), SteerScore(number, segment.steer, None, [], None, []))
        if segment.side == "chosen":
            scores[number, segment.steer] = SteerScore(number, segment.steer, logp, [], len(segment), [])
        else:
            one.rejected_logp.append(logp)
            one.rejected_tokens.append(len(segment))
    return list(scores.values())
