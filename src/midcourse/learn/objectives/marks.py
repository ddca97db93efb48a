"""Losses that need no correction: what was rejected becomes unlikely."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.runs import Evidence, Lengths, Runs

CERTAIN = -1e-6  # log-probabilities above it cannot be told from 0 in float32


def unlikelihood(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:  # noqa: ARG001
    """−Σ_t log(1 − π(r_t | x, r_<t)), over the tokens of marks

    From unlikelihood training, arXiv 1908.04319, in its sequence-level form: each token of a bad continuation.

    Use it for marks, where a person said "off track" and not what instead; pair losses leave them out.
    """
    return _unlikely(evidence.marked, lengths)


def unlikelihood_all(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:  # noqa: ARG001
    """−Σ_t log(1 − π(r_t | x, r_<t)), over the tokens of marks and of all rejected runs

    From unlikelihood training, arXiv 1908.04319, as `unlikelihood`.

    Use it with `sft` and a short `horizon`, where no pairs are wanted; late tokens of a rejected run are often
    innocent.
    """
    return _unlikely(evidence.marked, lengths) + _unlikely(evidence.rejected, lengths)


def _unlikely(runs: Runs, lengths: Lengths) -> Tensor:
    return -(runs.share_R * runs.over_R(log1mexp(runs.logp_T), lengths)).sum()


def log1mexp(log_p: Tensor) -> Tensor:
    """log(1 − p) from log p ≤ 0; above `CERTAIN` its tangent there, so that value and gradient stay finite."""
    below = log_p.clamp(max=CERTAIN)
    slope = -1 / math.expm1(-CERTAIN)
    return torch.log(-torch.expm1(below)) + slope * (log_p - CERTAIN).relu()
