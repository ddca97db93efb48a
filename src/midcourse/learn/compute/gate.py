"""The gated feed-forward layer of most models, down(silu(gate(x)) · up(x)), keeping one large tensor less of four.

Autograd keeps silu(gate) beside gate, up and their product; here it is computed again in the backward pass, by the same
operations, so gradients are the same to the bit. On a small model these tensors are most of what a step keeps.

Which layers these are is read from their source: a layer whose forward pass says anything else is left alone.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from midcourse.learn.compute.instead import instead

FORWARD = re.compile(
    r"def forward\(self, (\w+)(?:: torch\.Tensor)?\)(?: -> torch\.Tensor)?: "
    r"(?:(\w+) = self\.down_proj\(self\.act_fn\(self\.gate_proj\(\1\)\) \* self\.up_proj\(\1\)\) return \2"
    r"|return self\.down_proj\(self\.act_fn\(self\.gate_proj\(\1\)\) \* self\.up_proj\(\1\)\))"
)


def fused(model: nn.Module) -> AbstractContextManager[None]:
    """Inside, the gated layers of `model` run as above."""
    return instead([module for module in model.modules() if _gated(module)], _forward)


def _gated(module: Any) -> bool:
    """Whether the module's forward pass is that formula with that function, and nobody has put another in its place."""
    if "forward" in vars(module) or not hasattr(module, "gate_proj") or not _formula(type(module).forward):
        return False
    return isinstance(module.act_fn, nn.SiLU) or type(module.act_fn).__name__ == "SiLUActivation"


@cache
def _formula(forward: Callable[..., Any]) -> bool:
    try:
        source = inspect.getsource(forward)
    except (OSError, TypeError):  # there is none
        return False
    return FORWARD.fullmatch(" ".join(source.split())) is not None


def _forward(layer: Any, x: Tensor) -> Tensor:
    found: Tensor = layer.down_proj(_Gate.apply(layer.gate_proj(x), layer.up_proj(x)))  # type: ignore[no-untyped-call]
    return found


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grad * up, gate), F.silu(gate).mul_(grad)
