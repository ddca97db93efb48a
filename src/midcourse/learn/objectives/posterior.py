"""The loss that draws a model to a distribution over samples, of which only ratios are known."""

from __future__ import annotations

import torch
from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.runs import Evidence, Lengths


def steerlm2(evidence: Evidence, constants: Constants, lengths: Lengths = "sum") -> Tensor:  # noqa: ARG001
    """KL(w‖b) = Σ_i w_i log(w_i/b_i), b = softmax_i(log π(y_i|x, a) − log Q'(y_i|x, a)), over n samples y_i ~ Q'

    From SteerLM 2.0, arXiv 2406.08673: w = softmax_i(log P(a|x, y_i) + log P(y_i|x) − log Q'(y_i|x, a)) is
    what each sample should weigh, b what it weighs now. The paper gives the gradient, Σ_i (w_i − b_i) ∇(−log π(y_i));
    this is the function that has it. At b = w both are 0.

    Use it for `attributes refine`, which draws the samples and computes w; other data has none.
    """
    sample = evidence.sample
    if not len(sample.steer_R):
        return sample.logp_T.sum()  # 0, and differentiable
    assert sample.target_R is not None, "samples without a target"
    assert sample.drawn_R is not None, "samples without the probability of being drawn"
    owner_R = torch.unique(sample.steer_R, return_inverse=True)[1]
    count = int(owner_R.max()) + 1
    score_R = sample.logp_R(lengths) - sample.drawn_R
    top_S = score_R.new_full((count,), -torch.inf).scatter_reduce(0, owner_R, score_R.detach(), "amax")
    sum_S = score_R.new_zeros(count).index_add(0, owner_R, (score_R - top_S[owner_R]).exp())
    log_b_R = score_R - top_S[owner_R] - sum_S.log()[owner_R]
    log_w_R = sample.target_R.clamp(min=torch.finfo(score_R.dtype).tiny).log()  # 0 log 0 is 0
    return (sample.weight_R * sample.target_R * (log_w_R - log_b_R)).sum()
