"""Preference losses with a divergence at every token: TDPO.

D(y) = Σ_t KL(π_ref(·|x, y_<t) ‖ π(·|x, y_<t)) over the tokens of y, the sequential KL of arXiv 2404.11999. At
the row before the fork both sides have the same divergence. m = Δ(c) − Δ(r), as in `preference`.
"""

from __future__ import annotations

from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.preference import logistic
from midcourse.learn.objectives.runs import Evidence, Lengths


def tdpo1(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−log σ(β[m − (D(r) − D(c))])

    From TDPO₁, arXiv 2404.11999. Label smoothing as in `dpo`.

    Use it to study: `tdpo2` is what the paper recommends.
    """
    pairs = evidence.pairs
    chosen_R = evidence.chosen.ratio_R(lengths) + evidence.chosen.divergence_R(lengths)
    rejected_R = evidence.rejected.ratio_R(lengths) + evidence.rejected.divergence_R(lengths)
    logit_P = constants.beta * (chosen_R[pairs.chosen_P] - rejected_R[pairs.rejected_P])
    return (pairs.weight_P * logistic(logit_P, constants.label_smoothing)).sum()


def tdpo2(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−log σ(β[m − α(D(r) − sg D(c))]), sg: no gradient

    From TDPO₂, arXiv 2404.11999. Label smoothing as in `dpo`.

    Use it where `dpo` drifts: the distribution along what was rejected is held to the reference.
    """
    pairs, alpha = evidence.pairs, constants.tdpo_alpha
    chosen_R = evidence.chosen.ratio_R(lengths) + alpha * evidence.chosen.divergence_R(lengths).detach()
    rejected_R = evidence.rejected.ratio_R(lengths) + alpha * evidence.rejected.divergence_R(lengths)
    logit_P = constants.beta * (chosen_R[pairs.chosen_P] - rejected_R[pairs.rejected_P])
    return (pairs.weight_P * logistic(logit_P, constants.label_smoothing)).sum()
