"""Log-probabilities from hidden states through an output layer that is not being trained, without keeping logits.

The gradient of log p(token | h) = W_token · h − log Σ_v exp(W_v · h) by h is W_token − Σ_v p_v W_v. Its second part is
known as soon as the logits are, so both are computed chunk by chunk in the forward pass: two matrix products, where
recomputing logits in the backward pass takes three.

Legend: R rows, C rows of a chunk, T targets, D hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
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
        wide = torch.promote_types(hidden_RD.dtype, torch.float32)
        sum_R = torch.empty(len(hidden_RD), dtype=wide, device=hidden_RD.device)
        chosen_T = torch.empty(len(index_T), dtype=wide, device=hidden_RD.device)
        mean_RD = torch.empty_like(hidden_RD) if ctx.needs_input_grad[0] else None
        for start in range(0, len(hidden_RD), size):
            rows = slice(start, start + size)
            logits_CV = F.linear(hidden_RD[rows], weight_VD, bias_V).to(wide)
            here_t = ((index_T >= start) & (index_T < start + size)).nonzero()[:, 0]
            chosen_T[here_t] = logits_CV[index_T[here_t] - start, token_T[here_t]]
            sum_R[rows] = logits_CV.logsumexp(-1)
            if mean_RD is not None:
                p_CV = logits_CV.sub_(sum_R[rows, None]).exp_().to(weight_VD.dtype)
                mean_RD[rows] = (p_CV @ weight_VD).to(mean_RD.dtype)
        if mean_RD is not None:
            ctx.save_for_backward(mean_RD, weight_VD, index_T, token_T)
        return chosen_T - sum_R[index_T]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_T: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        mean_RD, weight_VD, index_T, token_T = ctx.saved_tensors
        by_target_TD = (weight_VD[token_T].to(mean_RD.dtype) - mean_RD[index_T]) * grad_T[:, None].to(mean_RD.dtype)
        return torch.zeros_like(mean_RD).index_add_(0, index_T, by_target_TD), None, None, None, None, None
