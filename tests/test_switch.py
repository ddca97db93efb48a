"""Several adapters on one model: each computes what it computes alone, and none of them leaves anything behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.errors import ModelError
from midcourse.switch import Switch
from tests.studio.running import make_model
from tests.trained import adapter

IDS = torch.tensor([[5, 9, 20, 31, 7]])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folders(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("adapters")
    return {
        "left": adapter(base, place / "left", seed=1),
        "right": adapter(base, place / "right", seed=2, rank=2, targets=("q_proj", "v_proj")),
    }


@torch.inference_mode()
def logits(loaded: models.Loaded) -> torch.Tensor:
    return loaded.model(input_ids=IDS).logits.clone()


def alone(base: Path, folder: Path | None) -> torch.Tensor:
    return logits(models.load(str(base), adapter=None if folder is None else str(folder)))


def test_each_is_what_it_is_alone(base: Path, folders: dict[str, Path]) -> None:
    wanted = {name: alone(base, folder) for name, folder in folders.items()} | {None: alone(base, None)}
    assert not torch.equal(wanted["left"], wanted["right"])
    assert not torch.equal(wanted["left"], wanted[None])
    loaded = models.load(str(base))
    switch = Switch(loaded)
    for name, folder in folders.items():
        before = loaded.version
        switch.add(name, str(folder))
        assert (switch.on, loaded.adapter, loaded.version) == (None, None, before)
        assert torch.equal(logits(loaded), wanted[None])
    for name in ("left", "right", None, "right", "left", None, "left"):
        before = loaded.version
        switch.use(name)
        assert loaded.version == before + 1
        assert torch.equal(logits(loaded), wanted[name])
        for other in ("left", "right", None):
            with switch.using(other):
                assert torch.equal(logits(loaded), wanted[other])
            assert torch.equal(logits(loaded), wanted[name])
        assert loaded.version == before + 1
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.adapter == str(folders["left"])


def test_the_one_that_came_with_the_model(base: Path, folders: dict[str, Path]) -> None:
    loaded = models.load(str(base), adapter=str(folders["left"]))
    switch = Switch(loaded, "mine")
    wanted = logits(loaded)
    switch.add("right", str(folders["right"]))
    assert torch.equal(logits(loaded), wanted)
    switch.use("right")
    assert torch.equal(logits(loaded), alone(base, folders["right"]))
    switch.use("mine")
    assert torch.equal(logits(loaded), wanted)


def test_what_does_not_fit_changes_nothing(base: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    loaded = models.load(str(base))
    switch = Switch(loaded)
    wanted = logits(loaded)
    other = adapter(make_model(tmp_path / "other", hidden=64), tmp_path / "wide", seed=1)
    with pytest.raises(ModelError, match="another size"):
        switch.add("wide", str(other))
    ranked = adapter(base, tmp_path / "ranked", seed=1)
    config = json.loads((ranked / "adapter_config.json").read_text())
    (ranked / "adapter_config.json").write_text(json.dumps(config | {"r": 2}))
    for _ in range(2):  # as the first one of all, and beside another
        with pytest.raises(ModelError, match="does not fit"):
            switch.add("ranked", str(ranked))
        assert torch.equal(logits(loaded), wanted)
        switch.add("left", str(folders["left"]))
    switch.use("left")
    assert torch.equal(logits(loaded), alone(base, folders["left"]))
