"""Margins: how much likelier the model finds the correction than what was rejected.

The margin of a steer is log π(c|x) − log π(r|x) in nats, r the likeliest rejected run. Its change from before to
after is DPO's Δ(c) − Δ(r) with the base model as the reference (arXiv 2305.18290, eq. 7). Accuracy is the share of
steers with a margin above zero. Marks and pure insertions have no margin. Longer runs are less likely: margins
compare models on the same steer, not steers with each other; the means per token in `Side` leave the length out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from midcourse.measure.result import Side, Taken

if TYPE_CHECKING:
    from midcourse.learn.score import SteerScore
    from midcourse.models.loaded import Loaded
    from midcourse.trace.tree import Trace


PACK = 1024  # tokens of one pass: longer packs cost more in attention than they save elsewhere


def margins(loaded: Loaded, traces: Sequence[Trace], *, rows: bool = False) -> dict[tuple[int, int], SteerScore]:
    """The score of every steer that is not set aside, by its (trace, steer) place, with the model as it is now."""
    from midcourse.learn.score import score

    found = score(loaded, traces, rows=rows, max_tokens=PACK)
    return {(one.trace, one.steer): one for one in found if not traces[one.trace].steers[one.steer].aside}


def taken(found: SteerScore | None) -> Taken:
    """One steer's log-probabilities in a case."""
    if found is None:
        return Taken()
    return Taken(chosen_logp=found.chosen_logp, rejected_logp=list(found.rejected_logp))


def summary(found: Sequence[SteerScore]) -> Side:
    """Accuracy, mean and median margin, and log-probability per token on both sides; None where nothing has it."""
    known = sorted(margin for margin in (taken(one).margin for one in found) if margin is not None)
    side = Side(
        chosen_logp_per_token=_per_token(
            (one.chosen_logp, one.chosen_tokens) for one in found if one.chosen_logp is not None and one.chosen_tokens
        ),
        rejected_logp_per_token=_per_token(
            pair for one in found for pair in zip(one.rejected_logp, one.rejected_tokens, strict=True)
        ),
    )
    if known:
        half = len(known) // 2
        side.accuracy = sum(margin > 0 for margin in known) / len(known)
        side.margin_mean = math.fsum(known) / len(known)
        side.margin_median = known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2
    return side


def _per_token(pairs: Iterable[tuple[float, int]]) -> float | None:
    known = list(pairs)
    return math.fsum(logp for logp, _ in known) / sum(count for _, count in known) if known else None
