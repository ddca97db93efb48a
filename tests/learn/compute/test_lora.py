"""LoRA in fewer passes gives what PEFT gives, and leaves to PEFT what is not plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from midcourse.learn.compute import lora, precision
from tests import tiny


class Layers(nn.Module):
    """Two linear layers with a bend between them, the second without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 10), nn.Linear(10, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(torch.tanh(self.first(x)))
        return y


def _model(dtype: torch.dtype = torch.float64, **settings: Any) -> Any:
    torch.manual_seed(0)
    model = get_peft_model(
        Layers(), LoraConfig(**{"r": 3, "lora_alpha": 5, "target_modules": ["first", "second"], **settings})
    )
    for name, value in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(value)
    return model.to(dtype)


def _all(model: Any, x: Tensor, run: Callable[[Tensor], Tensor] | None = None) -> dict[str, Tensor]:
    """Values and all gradients."""
    model.zero_grad()
    x = x.detach().requires_grad_()
    y = (run or model)(x)
    (y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    found = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    return {"y": y.detach(), "x": x.grad, **found}  # type: ignore[dict-item]


def _calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    apply = lora._Lora.apply
    monkeypatch.setattr(lora._Lora, "apply", lambda *arguments: calls.append(1) or apply(*arguments))
    return calls


@pytest.mark.parametrize("shape", [(7, 6), (2, 5, 6)])
def test_values_and_gradients_are_pefts(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _model(), torch.randn(*shape, dtype=torch.float64)
    expected, calls = _all(model, x), _calls(monkeypatch)
    with lora.fused(model):
        found = _all(model, x)
        again = _all(model, x, lambda x: checkpoint(model, x, use_reentrant=False))  # type: ignore[no-any-return]
    assert len(calls) == 6
    assert len(found) == 6  # y, x and two adapters; the frozen weights have no gradient
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(again, found, rtol=0, atol=0)
    torch.testing.assert_close(_all(model, x), expected, rtol=0, atol=0)  # afterwards it is PEFT's again


def test_autocast_rounds_no_more_than_peft() -> None:
    model, x = _model(torch.float32), torch.randn(2, 50, 6)
    exact = _all(model, x)
    with precision.computing(model, torch.bfloat16):
        found = _all(model, x)
        with torch.no_grad():
            dtypes = {model(x).dtype, model.base_model.model.first(x).dtype}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        peft = _all(model, x)
    assert dtypes == {torch.bfloat16}
    for name, value in exact.items():
        assert found[name].dtype == peft[name].dtype, name
        mine, theirs = ((those[name] - value).abs().mean().item() for those in (found, peft))
        assert 0 < mine < 1.5 * theirs, name


@pytest.mark.parametrize(
    "settings",
    [{"lora_dropout": 0.5}, {"use_dora": True}, {"target_modules": ["first"], "lora_bias": True}],
    ids=lambda settings: str(list(settings)[-1]),
)
def test_what_is_not_plain_is_pefts(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _model(**settings).train(), torch.randn(7, 6, dtype=torch.float64)
    calls = _calls(monkeypatch)
    torch.manual_seed(1)
    expected = _all(model, x)
    with lora.fused(model):
        torch.manual_seed(1)
        found = _all(model, x)
    assert not calls
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_dropout_that_is_off_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _model(lora_dropout=0.5).eval(), torch.randn(7, 6, dtype=torch.float64)
    expected, calls = _all(model, x), _calls(monkeypatch)
    with lora.fused(model):
        torch.testing.assert_close(_all(model, x), expected)
    assert len(calls) == 2


def test_switched_off_merged_and_several_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _model(), torch.randn(7, 6, dtype=torch.float64)
    both = LoraConfig(r=2, target_modules=["first", "second"], init_lora_weights=False)
    model.add_adapter("other", both)
    model.double()
    calls = _calls(monkeypatch)

    @torch.no_grad()
    def equal(fused: int) -> None:
        expected = model(x)
        calls.clear()
        with lora.fused(model):
            torch.testing.assert_close(model(x), expected)
        assert len(calls) == fused

    with model.disable_adapter():
        equal(0)
    equal(2)
    model.set_adapter("other")
    equal(2)
    model.merge_adapter()
    equal(0)
    model.unmerge_adapter()
    model.base_model.set_adapter(["default", "other"])
    equal(0)


def test_a_layer_that_is_trained_itself_gets_its_gradient() -> None:
    model, x = _model(), torch.randn(7, 6, dtype=torch.float64)
    weight = model.base_model.model.first.base_layer.weight.requires_grad_(True)
    with lora.fused(model):
        _all(model, x)
    assert weight.grad is not None


def test_a_whole_model_trains_alike() -> None:
    model = get_peft_model(
        tiny.model("llama", dtype=torch.float64), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    ).double()
    ids = torch.tensor([tiny.ids(20)])
    parameters = [value for value in model.parameters() if value.requires_grad]
    expected = torch.autograd.grad(model(input_ids=ids, labels=ids).loss, parameters)
    with lora.fused(model):
        found = torch.autograd.grad(model(input_ids=ids, labels=ids).loss, parameters)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
