"""Weights in few bits: refused with a reason where they cannot be used. What needs bitsandbytes is not tested here."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from midcourse import models
from midcourse.errors import ModelError
from midcourse.models import quantized
from tests import tiny


def test_without_cuda_it_is_said_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"quantize 4bit: there is no CUDA device here .*Leave --quantize out"):
        quantized.ready("4bit", "auto", torch.device("cpu"))


@pytest.mark.parametrize("place", ["cuda", "cpu"])
def test_without_bitsandbytes_it_is_said_how_to_get_it(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"pip install 'midcourse\[qlora\]'"):
        quantized.ready("8bit", place, torch.device(place))


def test_nothing_is_loaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "best_device", lambda: torch.device("cpu"))
    with pytest.raises(ModelError, match="no CUDA device"):
        models.load("./no/such/model", quantize="4bit")


def test_products_of_a_plain_model_are_as_it_was_loaded() -> None:
    assert quantized.numbers(tiny.model("llama", dtype=torch.bfloat16)) == torch.bfloat16


def test_weights_are_never_repacked() -> None:
    class Linear4bit(nn.Linear):
        support_avx512bf16_for_cpu = True

    model = nn.Sequential(Linear4bit(2, 2), nn.Linear(2, 2))
    quantized.keep_gradients(model)
    assert model[0].support_avx512bf16_for_cpu is False
    assert not hasattr(model[1], "support_avx512bf16_for_cpu")
