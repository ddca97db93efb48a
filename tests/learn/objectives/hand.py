"""Evidence by hand: runs from their numbers, and two steers that several tests use."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from midcourse.learn.objectives import Evidence, Runs


def runs(
    *of: tuple[int, float, list[float], list[float]],
    unchanged: Sequence[bool] | None = None,
    kl: Sequence[float] | None = None,
    drawn: Sequence[tuple[float, float]] | None = None,
) -> Runs:
    """From (steer, weight, log π, log π_ref) of each run; `drawn` has (w, log Q') of each sample."""
    return Runs(
        logp_T=torch.tensor([value for _, _, logp, _ in of for value in logp], dtype=torch.float64),
        ref_T=torch.tensor([value for _, _, _, ref in of for value in ref], dtype=torch.float64),
        kl_T=None if kl is None else torch.tensor(kl, dtype=torch.float64),
        run_T=torch.tensor([number for number, (_, _, logp, _) in enumerate(of) for _ in logp], dtype=torch.long),
        steer_R=torch.tensor([steer for steer, *_ in of], dtype=torch.long),
        weight_R=torch.tensor([weight for _, weight, *_ in of], dtype=torch.float64),
        unchanged_T=None if unchanged is None else torch.tensor(unchanged),
        target_R=None if drawn is None else torch.tensor([target for target, _ in drawn], dtype=torch.float64),
        drawn_R=None if drawn is None else torch.tensor([logp for _, logp in drawn], dtype=torch.float64),
    )


def evidence(
    chosen: Runs | None = None,
    rejected: Runs | None = None,
    *,
    marked: Runs | None = None,
    accepted: Runs | None = None,
    text: Runs | None = None,
    sample: Runs | None = None,
) -> Evidence:
    """With nothing on the sides that are not given."""
    sides = (chosen, rejected, marked, accepted, text, sample)
    return Evidence(*(side if side is not None else runs(kl=[]) for side in sides))


# One steer: the correction has two tokens, log π = -1 and -0.5, reference -1.5 and -1, so Δ(c) = 0.5 + 0.5 = 1.
# The rejected run has one, log π = -2, reference -1, so Δ(r) = -1. The margin is 2.
PLAIN = evidence(runs((0, 1.0, [-1.0, -0.5], [-1.5, -1.0])), runs((0, 1.0, [-2.0], [-1.0])))
# The same with both sides below the reference: Δ(c) = -0.5, Δ(r) = -2.5, the margin is 2 as before.
FALLEN = evidence(runs((0, 1.0, [-1.0, -0.5], [-0.5, -0.5])), runs((0, 1.0, [-3.5], [-1.0])))
# Two rejected runs, margins 2 and 4, weight 3: Δ(c) = 1, Δ(r) = -1 and -3.
SEVERAL = evidence(
    runs((0, 3.0, [-1.5], [-2.5])),
    runs((0, 3.0, [-2.0], [-1.0]), (0, 3.0, [-4.0], [-1.0])),
)
# Both sides end with the same token: Δ = 1 and 0.2 in the correction, -1 and -0.2 in what was rejected.
SHARED = evidence(
    runs((0, 1.0, [-1.0, -0.5], [-2.0, -0.7]), unchanged=[False, True]),
    runs((0, 1.0, [-2.0, -0.5], [-1.0, -0.3]), unchanged=[False, True]),
)
