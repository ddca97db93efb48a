"""Computing again in the backward pass what would take too much memory to keep.

A decoder layer that is recomputed keeps its input alone. Gradients are the same numbers: the same operations run again
on the same values, with the random numbers of the first time. Whatever the forward pass stood in must stand around the
backward pass too (`Network.attending`, `precision.computing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from midcourse.errors import UserError


def recomputed(function: Callable[..., Tensor], *arguments: Any, **named: Any) -> Tensor:
    """`function(*arguments)`, computed again in the backward pass instead of kept."""
    from torch.utils.checkpoint import checkpoint  # costs a second of imports

    if not torch.is_grad_enabled():
        return function(*arguments, **named)
    found: Tensor = checkpoint(function, *arguments, use_reentrant=False, **named)
    return found


@contextmanager
def layers(decoder: nn.Module) -> Iterator[None]:
    """Inside, the layers of `decoder` keep their inputs alone.

    Not through `gradient_checkpointing_enable`: that recomputes in training mode only, which would switch on the base
    model's dropout as well. Raises `UserError` for a model of which it isn't known what its layers are.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    found: list[Any] = [module for module in decoder.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not found:
        raise UserError(
            f"gradient checkpointing: transformers does not say which the layers of {type(decoder).__name__} are; "
            "train without gradient_checkpointing, with smaller max_tokens"
        )
    before = [vars(layer).get("forward") for layer in found]
    for layer in found:
        layer.forward = partial(recomputed, layer.forward)
    try:
        yield
    finally:
        for layer, forward in zip(found, before, strict=True):
            del layer.forward
            if forward is not None:
                layer.forward = forward
