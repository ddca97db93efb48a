"""Recomputed layers give the same gradients, to the bit, and keep little."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from midcourse.errors import UserError
from midcourse.learn.batch import batch
from midcourse.learn.compute import precision, recompute
from midcourse.learn.compute.network import Network, Way
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.models import adapters
from tests import tiny
from tests.learn import sample


def _gradients(network: Network) -> tuple[dict[str, Tensor], int]:
    """By parameter, and the bytes that were kept for them beside the weights."""
    network.model.zero_grad()
    made = batch(build(examples(sample.traces(3), ("chosen", "rejected", "accepted"))))
    weights = {value.untyped_storage().data_ptr() for value in network.model.parameters()}
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    torch.manual_seed(3)
    with network.attending():
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            loss = network(made).logp_T.sum()
        loss.backward()
    return {name: value.grad for name, value in network.model.named_parameters() if value.grad is not None}, sum(
        kept.values()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_gradients_are_the_same_to_the_bit(name: str, dtype: torch.dtype) -> None:
    loaded = adapters.add_lora(sample.loaded(name), dropout=0.2)
    for part, module in loaded.model.named_modules():
        module.train("lora_dropout" in part)  # the same draws again
    network = Network(loaded.model)
    with precision.computing(loaded.model, dtype):
        expected, much = _gradients(network)
        with recompute.layers(network.decoder):
            found, little = _gradients(network)
        again, _ = _gradients(network)
    assert found.keys() == expected.keys()
    for part, value in expected.items():
        assert torch.equal(found[part], value), part
        assert torch.equal(again[part], value), part
    assert little < much / 3


@pytest.mark.parametrize(("name", "way"), [("llama", "mask"), ("llama", "rows"), ("mamba", "rows"), ("jamba", "rows")])
def test_every_way_can_be_recomputed(name: str, way: Way) -> None:
    network = Network(tiny.model(name), way)
    expected, _ = _gradients(network)
    with recompute.layers(network.decoder):
        found, _ = _gradients(network)
    assert all(torch.equal(found[part], value) for part, value in expected.items())


def test_training_reaches_the_same_weights(tmp_path: Path) -> None:
    made = []
    for checkpointing in (False, True):
        loaded = sample.loaded()
        settings = TrainSettings(objective="dpo", epochs=2, batch=2, gradient_checkpointing=checkpointing)
        train(loaded, sample.traces(3), settings, tmp_path / str(checkpointing))
        made.append({name: value.detach() for name, value in loaded.model.named_parameters()})
    assert all(torch.equal(made[0][name], value) for name, value in made[1].items())


def test_a_model_without_known_layers_says_so() -> None:
    with pytest.raises(UserError, match="layers of Linear"), recompute.layers(nn.Linear(2, 2)):
        pass
