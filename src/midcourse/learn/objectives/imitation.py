"""Losses that make tokens likelier: the corrections, and what a person let stand."""

from __future__ import annotations

from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.emphasis import emphasis
from midcourse.learn.objectives.runs import Evidence, Lengths


def sft(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:
    """−Σ_t w_t log π(c_t | x, c_<t), over the tokens of the corrections alone

    From maximum likelihood; the weights w_t from DDPO's score (RLHF-V, arXiv 2312.00849, section 3.1): γ = `sft_gamma`
    for tokens that the correction changes, 1 for those that it shares with what was rejected, scaled to Σ_t w_t = |c|.
    With γ = 1, the default, every w_t is 1; with means this is DDPO's score itself, (Σ_u log π + γ Σ_c log π) / (|u| +
    γ|c|).

    Deviation: "unchanged" means shared within the steer. How much a correction counts against the accepted tokens
    around it is said in the objective: "sft + 0.33 accepted" is γ = 3 between the two.

    Use it always: it is what a correction says, and quick, for it needs no reference.
    """
    weight_T = emphasis(evidence.chosen, constants.sft_gamma)
    logp_R = evidence.chosen.over_R(weight_T * evidence.chosen.logp_T, lengths)
    return -(evidence.chosen.weight_R * logp_R).sum()


def accepted(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:  # noqa: ARG001
    """−Σ_t log π(y_t | x, y_<t), over the model's own tokens that the person read and let stand

    From maximum likelihood, as in rejection sampling: on-track tokens in contexts that the old model rarely reached.

    Use it beside `sft`: it costs no typing, and without it corrections alone saturate.
    """
    return -(evidence.accepted.weight_R * evidence.accepted.logp_R(lengths)).sum()
