"""Computing in bfloat16 leaves no trace in the weights."""

from __future__ import annotations

import torch

from midcourse.learn.compute import precision
from tests import tiny


def test_weights_are_what_they_were() -> None:
    model = tiny.model("llama").requires_grad_(False)
    before = {name: value.clone() for name, value in model.named_parameters()}
    ids = torch.tensor([tiny.ids(12)])
    plain = model(ids).logits
    with precision.computing(model, torch.bfloat16):
        rough = model(ids).logits
        assert model.model.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16
        assert model.model.norm.weight.dtype == torch.float32
    assert rough.dtype == torch.bfloat16
    assert (rough - plain).abs().max() > 0
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert torch.equal(model(ids).logits, plain)


def test_trained_weights_stay_float32_and_an_error_restores_the_rest() -> None:
    model = tiny.model("llama").requires_grad_(False)
    trained = model.model.layers[0].mlp.up_proj.weight.requires_grad_(True)
    computing = precision.computing(model, torch.bfloat16)
    computing.__enter__()
    assert trained.dtype == torch.float32
    computing.__exit__(KeyError, KeyError("what went wrong"), None)
    assert all(value.dtype == torch.float32 for value in model.parameters())


def test_auto_is_a_dtype_of_the_machine() -> None:
    cpu = torch.device("cpu")
    assert precision.resolve("float32", cpu) == torch.float32
    assert precision.resolve("bfloat16", cpu) == torch.bfloat16
    assert precision.resolve("auto", cpu) in (torch.float32, torch.bfloat16)
    assert precision.resolve("auto", torch.device("meta")) == torch.float32
