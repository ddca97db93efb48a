"""How much each token of a run counts, where those that a correction changed count more."""

from __future__ import annotations

import torch
from torch import Tensor

from midcourse.learn.objectives.runs import Runs


def emphasis(runs: Runs, gamma: float) -> Tensor:
    """γ for changed tokens and 1 for unchanged ones, (T,), scaled so that a run's add up to its number of tokens."""
    if runs.unchanged_T is None:
        return torch.ones_like(runs.logp_T)
    weight_T = torch.where(runs.unchanged_T, 1.0, gamma).to(runs.logp_T.dtype)
    return weight_T / (runs.over_R(weight_T) / runs.count_R)[runs.run_T]
