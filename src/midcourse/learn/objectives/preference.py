"""Losses that compare the correction with what was rejected, both against the reference.

For a steer with context x, chosen c and rejected r: Δ(y) = log π(y|x) − log π_ref(y|x), added up over the tokens of y.
All papers have whole answers for c and r; here they are the segments from the fork on, in the context up to the fork,
and the answer does not go on after them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.emphasis import emphasis
from midcourse.learn.objectives.runs import Evidence, Lengths


def dpo(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−(1−ε) log σ(βm) − ε log σ(−βm), m = Δ(c) − Δ(r)

    From DPO, arXiv 2305.18290, equation 7; label smoothing ε is conservative DPO, Mitchell's note "cDPO", equation 3.

    Use it with `sft` where the model must stop doing something, not only learn what to do.
    """
    chosen_P, rejected_P, weight_P = _changes(evidence, lengths)
    return (weight_P * logistic(constants.beta * (chosen_P - rejected_P), constants.label_smoothing)).sum()


def robust(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """[−(1−ε) log σ(βm) + ε log σ(−βm)] / (1 − 2ε), m = Δ(c) − Δ(r)

    From robust DPO (rDPO), arXiv 2403.00409: the mean of this over labels flipped at rate ε is `dpo` without flips.

    Use it where a known share ε of the steers is the wrong way round, say from several hasty annotators.
    """
    chosen_P, rejected_P, weight_P = _changes(evidence, lengths)
    logit_P, rate = constants.beta * (chosen_P - rejected_P), constants.label_smoothing
    loss_P = -(1 - rate) * F.logsigmoid(logit_P) + rate * F.logsigmoid(-logit_P)
    return (weight_P * loss_P / (1 - 2 * rate)).sum()


def ipo(evidence: Evidence, constants: Constants, lengths: Lengths = "mean") -> Tensor:
    """(m − 1/(2β))², m = Δ(c)/|c| − Δ(r)/|r|

    From IPO, arXiv 2310.12036, equation 17, with β for its τ.

    Deviation: means over tokens, which the paper does not write but its authors use, as TRL does.

    Use it where DPO runs away: the margin is drawn to 1/(2β) nats a token, 5 at the default β, instead of to infinity.
    """
    chosen_P, rejected_P, weight_P = _changes(evidence, lengths)
    return (weight_P * (chosen_P - rejected_P - 1 / (2 * constants.beta)) ** 2).sum()


def hinge(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """max(0, 1 − βm), m = Δ(c) − Δ(r)

    From SLiC-HF, arXiv 2305.10425 (rank calibration), with the margin against the reference as in RSO (hinge-norm),
    arXiv 2309.06657.

    Use it where steers that are learned should be left alone: beyond a margin of 1/β there is no gradient.
    """
    chosen_P, rejected_P, weight_P = _changes(evidence, lengths)
    return (weight_P * F.relu(1 - constants.beta * (chosen_P - rejected_P))).sum()


def ddpo(evidence: Evidence, constants: Constants, lengths: Lengths = "mean") -> Tensor:
    """−log σ(β[S(c) − S(r)]), S(y) = (Σ_unchanged Δ_t + γ Σ_changed Δ_t) / (|unchanged| + γ |changed|)

    From DDPO in RLHF-V, arXiv 2312.00849, section 3.1; γ is 5 there and 3 in its code. Label smoothing as in `dpo`.

    Deviations: a token is unchanged if both sides of the steer have it in common (`changes.py`); the tokens before the
    fork are the same on both sides and left out, those after the segments are not there. No least length of a common
    part.

    Use it where corrections repeat much of what they correct: the tokens that differ count γ times.
    """
    pairs = evidence.pairs
    chosen_R, rejected_R = (
        runs.over_R(emphasis(runs, constants.ddpo_gamma) * runs.ratio_T, lengths)
        for runs in (evidence.chosen, evidence.rejected)
    )
    logit_P = constants.beta * (chosen_R[pairs.chosen_P] - rejected_R[pairs.rejected_P])
    return (pairs.weight_P * logistic(logit_P, constants.label_smoothing)).sum()


def dpop(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−log σ(β[Δ(c) − Δ(r) − λ max(0, −Δ(c))])

    From DPO-Positive, arXiv 2402.13228, equation 3. Label smoothing as in `dpo`.

    Use it where both sides are nearly the same: the correction may not fall below the reference.
    """
    chosen_P, rejected_P, weight_P = _changes(evidence, lengths)
    inner_P = chosen_P - rejected_P - constants.dpop_lambda * F.relu(-chosen_P)
    return (weight_P * logistic(constants.beta * inner_P, constants.label_smoothing)).sum()


def bdpo(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−log σ(β[Δ(c) − log(λ e^Δ(r) + 1 − λ)])

    From Bounded-DPO, arXiv 2506.12725, section 4: the rejected run's π becomes the mixture λπ + (1−λ)π_ref, so it can
    earn no more than −log(1−λ), and pushing it down further moves nothing. Label smoothing as in `dpo`.

    Use it where the rejected side dominates: what is still to be gained must come from the correction.
    """
    chosen_P, rejected_P, weight_P = _changes(evidence, lengths)
    share = constants.bdpo_lambda
    mixed_P = torch.logaddexp(rejected_P + math.log(share), rejected_P.new_tensor(math.log1p(-share)))
    return (weight_P * logistic(constants.beta * (chosen_P - mixed_P), constants.label_smoothing)).sum()


def listwise(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−log σ(−log Σ_r exp(β[Δ(r) − Δ(c)])), over all rejected runs r of a steer

    From S-DPO (softmax DPO), arXiv 2406.09215: −log of the chance of being first that the model of Plackett and Luce
    gives the correction, exp(βΔ(c)) against the sum of all. With one rejected run it is `dpo`.

    Use it where steers have several rejected runs: the worst confusion counts most, where `dpo` averages.
    """
    pairs = evidence.pairs
    chosen_P, rejected_P, _ = _changes(evidence, lengths)
    logit_P = constants.beta * (rejected_P - chosen_P)
    chosen = evidence.chosen
    top_R = torch.zeros_like(chosen.weight_R).scatter_reduce(0, pairs.chosen_P, logit_P.detach(), "amax")  # at least 0
    # -log σ(-log Σ e^l) = log(1 + Σ e^l); the 1 is the correction itself
    sum_R = (-top_R).exp().index_add(0, pairs.chosen_P, (logit_P - top_R[pairs.chosen_P]).exp())
    return (chosen.weight_R * (top_R + sum_R.log())).sum()  # 0 for insertions


def _changes(evidence: Evidence, lengths: Lengths) -> tuple[Tensor, Tensor, Tensor]:
    """Δ(c), Δ(r) and the weight of each pair."""
    pairs = evidence.pairs
    chosen_P = evidence.chosen.ratio_R(lengths)[pairs.chosen_P]
    return chosen_P, evidence.rejected.ratio_R(lengths)[pairs.rejected_P], pairs.weight_P


def logistic(logit_P: Tensor, smoothing: float) -> Tensor:
    """−(1−ε) log σ(l) − ε log σ(−l)."""
    return -(1 - smoothing) * F.logsigmoid(logit_P) - smoothing * F.logsigmoid(-logit_P)
