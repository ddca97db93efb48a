"""LoRA layers (arXiv 2106.09685) in fewer passes: y = x Wᵀ + s · (x Aᵀ) Bᵀ with its gradient written down.

PEFT's forward adds the adapter in five operations, of which three write a tensor as large as the output, and autograd
doubles them. Here the adapter is added into the frozen product in place, forward and backward, and nothing is kept for
the backward but the input, which other layers keep as well, and the narrow x Aᵀ:

    dx = dy W + (s · dy B) A        dA = (s · dy B)ᵀ x        dB = s · dyᵀ (x Aᵀ)

Only what PEFT itself calls plain is run like that: one active adapter without variant, bias or active dropout over a
frozen `nn.Linear`. Everything else keeps PEFT's own forward, as does a layer whose adapter is switched off.

Legend: N rows, I and O widths of input and output, r rank.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from midcourse.learn.compute.instead import instead


def fused(model: nn.Module) -> AbstractContextManager[None]:
    """Inside, the LoRA layers of `model` run as above where they are plain, else as PEFT runs them."""
    from peft.tuners.lora import Linear

    return instead([module for module in model.modules() if type(module) is Linear and _untouched(module)], _forward)


def _untouched(layer: Any) -> bool:
    """Whether the layer stands over an ordinary linear layer, and nobody has put a forward of his own on either."""
    base = layer.base_layer
    return type(base) is nn.Linear and "forward" not in vars(layer) and "forward" not in vars(base)


def _forward(layer: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    adapter = None if args or kwargs else _plain(layer)
    dtype = None if adapter is None else _dtype(layer, adapter, x)
    if dtype is None:
        peft: Tensor = type(layer).forward(layer, x, *args, **kwargs)
        return peft
    base, a, b = layer.base_layer, layer.lora_A[adapter], layer.lora_B[adapter]
    y: Tensor = _Lora.apply(x, base.weight, base.bias, a.weight, b.weight, layer.scaling[adapter], dtype)  # type: ignore[no-untyped-call]
    return y


def _plain(layer: Any) -> str | None:
    """The one adapter that is added to the frozen product, if there is no more to it than that."""
    if layer.disable_adapters or layer.merged or layer.base_layer.weight.requires_grad:
        return None
    active = [name for name in layer.active_adapters if name in layer.lora_A]
    if len(active) != 1 or active[0] in layer.lora_variant:
        return None
    narrow: list[Any] = [layer.lora_A[active[0]], layer.lora_B[active[0]]]
    plain = all(type(part) is nn.Linear and part.bias is None for part in narrow)
    dropout = layer.lora_dropout[active[0]]
    return active[0] if plain and (isinstance(dropout, nn.Identity) or not dropout.training) else None


def _dtype(layer: Any, adapter: str, x: Tensor) -> torch.dtype | None:
    """What to multiply in: autocast's choice, else what everything is in; None if it is not all in the same."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    weights = (layer.base_layer.weight, layer.lora_A[adapter].weight, layer.lora_B[adapter].weight)
    return x.dtype if all(weight.dtype == x.dtype for weight in weights) else None


class _Lora(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, w_OI: Tensor, bias_O: Tensor | None, a_rI: Tensor, b_Or: Tensor, scale: float,
        dtype: torch.dtype,
    ) -> Tensor:  # fmt: skip
        with torch.autocast(x.device.type, enabled=False):
            x_NI = x.to(dtype).reshape(-1, x.shape[-1])
            y_NO = F.linear(x_NI, w_OI.to(dtype), None if bias_O is None else bias_O.to(dtype))
            z_Nr = x_NI @ a_rI.to(dtype).t()
            y_NO.addmm_(z_Nr, b_Or.to(dtype).t(), alpha=scale)
        ctx.save_for_backward(x, w_OI, a_rI, b_Or, z_Nr)  # x as it came: the layers beside this one keep the same
        ctx.scale, ctx.dtype = scale, dtype
        return y_NO.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None, None]:
        x, w_OI, a_rI, b_Or, z_Nr = ctx.saved_tensors
        with torch.autocast(x.device.type, enabled=False):
            grad_NO = grad.to(ctx.dtype).reshape(-1, grad.shape[-1])
            x_NI = x.to(ctx.dtype).reshape(-1, x.shape[-1])
            back_Nr = grad_NO @ (ctx.scale * b_Or).to(ctx.dtype)
            a_grad = (back_Nr.t() @ x_NI).to(a_rI.dtype)
            b_grad = (z_Nr.t() @ grad_NO).t().to(b_Or.dtype) * ctx.scale  # a wide result is quicker than a tall one
            x_grad = None
            if ctx.needs_input_grad[0]:
                x_grad = grad_NO @ w_OI.to(ctx.dtype)
                x_grad = x_grad.addmm_(back_Nr, a_rI.to(ctx.dtype)).view(x.shape).to(x.dtype)
        return x_grad, None, None, a_grad, b_grad, None, None
