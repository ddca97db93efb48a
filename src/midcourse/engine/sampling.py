"""Which token comes next: temperature, top-k, top-p, min-p, and a seed.

Invariant: the token is a function of (logits, sampling, position), and of nothing else. The random number at a position
comes from a hash of the seed and the position, not from a generator with a state, so a run that is stopped, rolled back
and resumed is the run that was never stopped, and a row of a batch is the row alone.

Shapes: R rows, V tokens of the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from midcourse.engine.choice import STRONGEST, Sampling, needed, uniform
from midcourse.engine.contract import Alternative, Step

__all__ = [
    "STRONGEST",
    "Alternative",
    "Sampling",
    "Step",
    "best",
    "choose",
    "distribution",
    "filtered",
    "guided",
    "needed",
    "uniform",
]

COLDEST = 1e-30  # a temperature that float32 still divides by
NUCLEUS = 256  # how many of the most probable tokens are tried before all are sorted


def guided(logits_RV: torch.Tensor, neutral_RV: torch.Tensor, guidance: float) -> torch.Tensor:
    """Logits of p ∝ p_neutral · (p / p_neutral)^γ (arXiv 2306.17806, equation 7): float32, shaped as `logits_RV`.

    What attributes change is taken γ times; 0 is the neutral distribution, 1 the one that was asked for.
    """
    asked_RV, neutral_RV = (torch.log_softmax(one.float(), dim=-1) for one in (logits_RV, neutral_RV))
    led_RV = neutral_RV + guidance * (asked_RV - neutral_RV)
    return torch.where(torch.isinf(asked_RV) | torch.isinf(neutral_RV), asked_RV, led_RV)  # ∞ - ∞ is no number


def filtered(logits_RV: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """The distribution to draw from: float32 probabilities (R, V), rows sum up to 1. Needs a temperature above 0."""
    below_RV = logits_RV.float()
    below_RV = below_RV - below_RV.amax(dim=-1, keepdim=True)  # first, so that a tiny temperature cannot overflow
    probs_RV = torch.softmax(below_RV / max(sampling.temperature, COLDEST), dim=-1)
    if 0 < sampling.top_k < probs_RV.shape[-1]:
        least_R1 = probs_RV.topk(sampling.top_k, dim=-1).values[:, -1:]
        probs_RV = _keep(probs_RV, probs_RV >= least_R1)
    if sampling.top_p < 1:
        probs_RV = _keep(probs_RV, probs_RV >= _least_of_nucleus(probs_RV, sampling.top_p))
    if sampling.min_p > 0:
        probs_RV = _keep(probs_RV, probs_RV >= sampling.min_p * probs_RV.amax(dim=-1, keepdim=True))
    return probs_RV


def _least_of_nucleus(probs_RV: torch.Tensor, top_p: float) -> torch.Tensor:
    """The least probability (R, 1) that is needed for a sum of `top_p`; those equal to it are kept with it."""
    for count in (min(NUCLEUS, probs_RV.shape[-1]), probs_RV.shape[-1]):  # sorting all of a vocabulary is slow
        sorted_RK = probs_RV.topk(count, dim=-1).values
        before_RK = sorted_RK.cumsum(dim=-1) - sorted_RK  # what the more probable ones sum up to
        if bool((before_RK[:, -1] >= top_p).all()):
            break
    needed_R1 = (before_RK < top_p).sum(dim=-1, keepdim=True).clamp(min=1)  # float32 takes the smallest p for 0
    return sorted_RK.gather(-1, needed_R1 - 1)


def _keep(probs_RV: torch.Tensor, kept_RV: torch.Tensor) -> torch.Tensor:
    probs_RV = probs_RV * kept_RV
    return probs_RV / probs_RV.sum(dim=-1, keepdim=True)


def choose(logits_RV: torch.Tensor, samplings: Sequence[Sampling], positions: Sequence[int]) -> list[int]:
    """One token a row. `samplings` and `positions` (of the token to come, from the start of the prompt) are parallel
    to the rows."""
    greedy_R = logits_RV.argmax(dim=-1).tolist()
    chosen: list[int] = greedy_R
    for row, (sampling, position) in enumerate(zip(samplings, positions, strict=True)):
        if sampling.temperature > 0:
            probs_V = filtered(logits_RV[row : row + 1], sampling)[0]
            sums_V = probs_V.cpu().double().cumsum(dim=-1)  # not every device has float64
            whole = float(sums_V[-1])
            drawn = min(uniform(sampling.seed, position) * whole, math.nextafter(whole, 0))
            chosen[row] = int((sums_V > drawn).to(torch.uint8).argmax())  # the first one beyond: never one of weight 0
    return chosen


def distribution(logits_RV: torch.Tensor) -> torch.Tensor:
    """The model's own log-probabilities in nats, float32."""
    return torch.log_softmax(logits_RV.float(), dim=-1)


def best(logp_V: torch.Tensor, count: int) -> tuple[Alternative, ...]:
    """The `count` most probable tokens, best first."""
    if count <= 0:
        return ()
    values, ids = logp_V.topk(min(count, logp_V.shape[-1]))
    return tuple(map(Alternative, ids.tolist(), values.tolist()))
