"""How alike a model finds the two sides of a steer: the length-normalised CHES score.

Centered hidden embedding similarity, arXiv 2410.08847, in its length-normalised variant: with h⁺_t and h⁻_t the last
hidden states that predict the tokens of the correction and of what is rejected,

    CHES = ⟨Σ h⁺, Σ h⁻⟩ − ‖Σ h⁺‖²        normalised: the means over tokens in place of the sums

The higher the score of a pair among those of a run, the more a preference loss on it lowers the correction's own
probability. There is no threshold: scores of one model are compared with each other. Deviation: the sides are the runs
of the steer alone. They share their first state, so pairs of single tokens (score 0 in any case) are left out.

Legend: T targets, G segments, D hidden size.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from midcourse.learn.batch import Batch
from midcourse.learn.compute.network import Output

SHOWN = 3  # how many steers a notice names
LISTED = 20  # and how many metrics.json does


class Score(NamedTuple):
    """The score of a steer's correction against its rejected run `which`."""

    ches: float
    trace: int
    steer: int
    which: int
    name: str


class Similarity:
    """Scores of all pairs that were seen, at the model as it was then."""

    def __init__(self) -> None:
        self.scores: list[Score] = []

    @torch.no_grad()
    def see(self, batch: Batch, output: Output) -> None:
        """Take in the pairs of one pack, from hidden states that are there in any case."""
        segments = batch.layout.segments
        chosen = {(p.example, p.segment.steer): g for g, p in enumerate(segments) if p.segment.side == "chosen"}
        pairs = [
            (chosen[placed.example, placed.segment.steer], number)
            for number, placed in enumerate(segments)
            if placed.segment.side == "rejected" and (placed.example, placed.segment.steer) in chosen
        ]
        pairs = [(one, two) for one, two in pairs if len(segments[one].segment) + len(segments[two].segment) > 2]
        if not pairs:
            return
        mean_GD = _means(batch, output, sorted({number for pair in pairs for number in pair}))
        one_P, two_P = torch.tensor(pairs, device=mean_GD.device).T
        score_P = (mean_GD[one_P] * (mean_GD[two_P] - mean_GD[one_P])).sum(-1)
        for (_, number), score in zip(pairs, score_P.tolist(), strict=True):
            placed = segments[number]
            example = batch.layout.examples[placed.example]
            assert placed.segment.steer is not None
            if math.isfinite(score):
                self.scores.append(
                    Score(score, example.number, placed.segment.steer, placed.segment.which, example.name)
                )

    def hear(self, scores: Iterable[Sequence[Score]]) -> None:
        """Take the scores of several processes for those that were seen."""
        found = {(one.trace, one.steer, one.which): one for some in scores for one in some}
        self.scores = [found[key] for key in sorted(found)]

    @property
    def notice(self) -> str | None:
        """The distribution and the steers at its upper end, in words; None without scores."""
        if not self.scores:
            return None
        highest = sorted(self.scores, reverse=True)[:SHOWN]
        named = "; ".join(f"{score.name}, steer {score.steer} ({score.ches:.3g})" for score in highest)
        return (
            "similarity of both sides (CHES; where it is highest, a preference loss pushes the correction itself down "
            f"first): median {statistics.median(score.ches for score in self.scores):.3g}, highest {named}"
        )

    def metrics(self) -> dict[str, Any] | None:
        """For `metrics.json`: the distribution, and the steers at its upper end."""
        if not self.scores:
            return None
        values = sorted(score.ches for score in self.scores)
        low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return {
            "score": "length-normalised CHES",
            "pairs": len(values),
            "lowest": values[0],
            "quartiles": [low, middle, high],
            "highest": [score._asdict() for score in sorted(self.scores, reverse=True)[:LISTED]],
        }


def _means(batch: Batch, output: Output, numbers: list[int]) -> Tensor:
    """The mean hidden state of the segments `numbers`, (G, D) in float32 at least; zero for the others."""
    wanted_G = torch.zeros(len(batch.layout.segments), dtype=torch.bool, device=batch.segment_T.device)
    wanted_G[numbers] = True
    at_T = wanted_G[batch.segment_T].nonzero()[:, 0]
    hidden_TD = output.hidden_RD[output.index_T[at_T]]
    hidden_TD = hidden_TD.to(torch.promote_types(hidden_TD.dtype, torch.float32))
    sum_GD = hidden_TD.new_zeros(len(wanted_G), hidden_TD.shape[-1]).index_add(0, batch.segment_T[at_T], hidden_TD)
    count_G = torch.bincount(batch.segment_T[at_T], minlength=len(wanted_G))
    return sum_GD / count_G.clamp(min=1)[:, None]
