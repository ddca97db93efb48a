"""Log-probabilities from hidden states through an output layer that is not being trained, without keeping logits.

The gradient of log p(token | h) = W_token · h − log Σ_v exp(W_v · h) by h is W_token − Σ_v p_v W_v. Its second part is
known as soon as the logits are, so both are computed chunk by chunk in the forward pass: two matrix products, where
recomputing logits in the backward pass takes three.

The logits of all chunks lie in the same memory and become probabilities in place: a chunk is as large as a small model,
and new memory of that size costs as much as the matrix product that fills it.

Legend: R rows, C rows of a chunk, T targets, D hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def frozen_logp(
    hidden_RD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, index_T: Tensor, token_T: Tensor, size: int
) -> Tensor:
    """log p(token_T[t]) after `hidden_RD[index_T[t]]`, in float32 at least, `size` rows at a time, shape (T,).

    Differentiable by `hidden_RD` alone.
    """
    found: Tensor = _FrozenHead.apply(hidden_RD, weight_VD, bias_V, index_T, token_T, size)  # type: ignore[no-untyped-call]
    return found


class _FrozenHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_RD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        index_T: Tensor,
        token_T: Tensor,
        size: int,
    ) -> Tensor:
        wide = torch.promote_types(weight_VD.dtype, torch.float32)
        logp_T = hidden_RD.new_empty(len(index_T), dtype=wide)
        mean_RD = torch.empty_like(hidden_RD) if ctx.needs_input_grad[0] else None
        half_CV = weight_VD.new_empty(min(size, len(hidden_RD)), len(weight_VD))
        full_CV = half_CV if half_CV.dtype == wide else torch.empty_like(half_CV, dtype=wide)
        with torch.autocast(hidden_RD.device.type, enabled=False):
            for start in range(0, len(hidden_RD), size):
                hidden_CD = hidden_RD[start : start + size].to(weight_VD.dtype)
                product_CV = half_CV[: len(hidden_CD)]
                p_CV = product_CV if full_CV is half_CV else full_CV[: len(hidden_CD)]
                torch.mm(hidden_CD, weight_VD.t(), out=product_CV)
                if bias_V is not None:
                    product_CV.add_(bias_V)
                p_CV.copy_(product_CV)  # which does nothing where both are one
                p_CV.sub_(p_CV.amax(-1, keepdim=True))
                at_t = ((index_T >= start) & (index_T < start + size)).nonzero()[:, 0]
                row_t = index_T[at_t] - start
                logp_T[at_t] = p_CV[row_t, token_T[at_t]]
                sum_C1 = p_CV.exp_().sum(-1, keepdim=True)
                logp_T[at_t] -= sum_C1.log()[row_t, 0]
                if mean_RD is not None:
                    product_CV.copy_(p_CV)  # at most 1 each: what is rounded is the same before and after the division
                    mean_RD[start : start + size] = (product_CV @ weight_VD).to(wide) / sum_C1
        if mean_RD is not None:
            ctx.save_for_backward(mean_RD, weight_VD, index_T, token_T)
        return logp_T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_T: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        mean_RD, weight_VD, index_T, token_T = ctx.saved_tensors
        by_target_TD = (weight_VD[token_T].to(mean_RD.dtype) - mean_RD[index_T]) * grad_T[:, None].to(mean_RD.dtype)
        return torch.zeros_like(mean_RD).index_add_(0, index_T, by_target_TD), None, None, None, None, None
