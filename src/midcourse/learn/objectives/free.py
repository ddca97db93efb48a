"""Losses that compare the correction with what was rejected, without a reference: half the passes, nothing to cache."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.marks import log1mexp
from midcourse.learn.objectives.preference import logistic
from midcourse.learn.objectives.runs import Evidence, Lengths


def simpo(evidence: Evidence, constants: Constants, lengths: Lengths = "mean") -> Tensor:
    """−log σ(β[log π(c|x)/|c| − log π(r|x)/|r|] − γ)

    From SimPO, arXiv 2405.14734, equation 6, with β = `simpo_beta`, γ = `simpo_gamma`. Label smoothing as in `dpo`.

    Use it instead of `dpo` where the reference costs too much time; nothing holds the model, so look at the drift.
    """
    pairs = evidence.pairs
    margin_P = evidence.chosen.logp_R(lengths)[pairs.chosen_P] - evidence.rejected.logp_R(lengths)[pairs.rejected_P]
    logit_P = constants.simpo_beta * margin_P - constants.simpo_gamma
    return (pairs.weight_P * logistic(logit_P, constants.label_smoothing)).sum()


def orpo(evidence: Evidence, constants: Constants, lengths: Lengths = "mean") -> Tensor:  # noqa: ARG001
    """−log σ(log odds(c) − log odds(r)), odds(y) = p/(1 − p), log p = log π(y|x)/|y|

    From ORPO, arXiv 2403.07691, equation 7, its odds-ratio term alone: all of ORPO is "sft + 0.1 orpo" (λ = 0.1).

    Use it with `sft`, as its paper does: a mild push away from what was rejected, without a reference.
    """
    pairs = evidence.pairs
    chosen_R, rejected_R = evidence.chosen.logp_R(lengths), evidence.rejected.logp_R(lengths)
    odds_P = (chosen_R - log1mexp(chosen_R))[pairs.chosen_P] - (rejected_R - log1mexp(rejected_R))[pairs.rejected_P]
    return -(pairs.weight_P * F.logsigmoid(odds_P)).sum()
