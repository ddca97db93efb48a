"""Gated layers keep less and give the same, to the bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from midcourse.learn.compute import gate
from tests import tiny


def _run(model: nn.Module) -> tuple[list[Tensor], int]:
    """Values and gradients, and how many tensors were kept for them."""
    kept: set[int] = set()

    def keep(value: Tensor) -> Tensor:
        kept.add(value.untyped_storage().data_ptr())
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        logits = model(torch.tensor([tiny.ids(20)])).logits
    return [logits, *torch.autograd.grad(logits.square().mean(), list(model.parameters()), allow_unused=True)], len(
        kept
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral"])
def test_the_same_to_the_bit_with_less_kept(name: str, dtype: torch.dtype) -> None:
    model = tiny.model(name, dtype=dtype)
    expected, much = _run(model)
    with gate.fused(model):
        found, little = _run(model)
    again, as_much = _run(model)
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True) if one is not None)
    assert all(torch.equal(one, two) for one, two in zip(again, expected, strict=True) if one is not None)
    assert little == much - model.config.num_hidden_layers
    assert as_much == much


@pytest.mark.parametrize("name", ["gpt2", "phi3", "gemma3"])  # no gate, one matrix for both, another function
def test_other_layers_are_left_alone(name: str) -> None:
    model = tiny.model(name)
    with gate.fused(model):
        assert not any("forward" in vars(module) for module in model.modules())


def test_a_forward_pass_that_says_more_is_left_alone() -> None:
    class Scaled(type(tiny.model("llama").model.layers[0].mlp)):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return 2 * self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))

    model = tiny.model("llama")
    for layer in model.model.layers:
        layer.mlp.__class__ = Scaled
    with gate.fused(model):
        assert not any("forward" in vars(module) for module in model.modules())
