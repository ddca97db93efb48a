"""Several adapters on one model: each computes what it computes alone, and none of them leaves anything behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.engine import together
from midcourse.engine.context import Context, Kind
from midcourse.engine.turns import joined, within_all
from midcourse.errors import ModelError
from midcourse.models.adapter_layers import NotTheRowError
from midcourse.switch import Switch
from tests import tiny
from tests.studio.running import make_model
from tests.trained import adapter, with_tokens

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


def load(base: Path, folder: Path | None) -> models.Loaded:
    return models.load(str(base), adapter=None if folder is None else str(folder))


def alone(base: Path, folder: Path | None) -> torch.Tensor:
    return logits(load(base, folder))


def read(loaded: models.Loaded, ids: list[int]) -> Context:
    context = Context(loaded, Kind.of(loaded))
    context.begin(ids)
    context.read(ids)
    return context


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


@pytest.mark.parametrize("targets", [["all-linear"], ["q_proj", "down_proj", "lm_head"]])
def test_one_pass_serves_several(base: Path, folders: dict[str, Path], tmp_path: Path, targets: list[str]) -> None:
    """Each context in a pass has its own adapter, or none, whichever one is on and however many tokens it gets."""
    third = adapter(base, tmp_path / "third", seed=3, targets=targets)
    places: dict[str | None, Path | None] = {**folders, "third": third, None: None}
    lengths: dict[str | None, tuple[int, int]] = {"left": (7, 1), "right": (12, 3), None: (5, 1), "third": (9, 5)}
    rows = {name: tiny.ids(sum(both), seed=both[0]) for name, both in lengths.items()}
    wanted: dict[str | None, torch.Tensor] = {}
    for name, ids in rows.items():
        found = read(load(base, places[name]), ids).logits_V
        assert found is not None
        wanted[name] = found
    loaded = models.load(str(base))
    switch = Switch(loaded)
    for name, place in places.items():
        if name is not None:
            switch.add(name, str(place))
    for on in (None, "right"):
        switch.use(on)
        orders: list[list[str | None]] = [["left", "right", None, "third"], ["third", None, "left"], ["right", "third"]]
        for order in orders:
            contexts: dict[str | None, Context] = {}
            for name in order:
                with switch.around(name)():
                    contexts[name] = read(loaded, rows[name][: lengths[name][0]])
            parts = [(switch.around(name), lengths[name][1]) for name in order]
            assert all(joined(parts[0][0], other) for other, _ in parts)
            with within_all(parts):
                together.read(list(contexts.values()), [rows[name][lengths[name][0] :] for name in order])
            for name, context in contexts.items():
                assert context.logits_V is not None
                assert torch.allclose(context.logits_V, wanted[name], atol=1e-4), (on, order, name)
            assert torch.equal(logits(loaded), alone(base, places[on]))


def test_what_cannot_be_mixed_has_a_pass_of_its_own(base: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    loaded = models.load(str(base))
    switch = Switch(loaded)
    switch.add("left", str(folders["left"]))
    switch.add("told", str(with_tokens(base, tmp_path / "told", seed=4)))
    assert joined(switch.around("left"), switch.around(None))
    assert not joined(switch.around("left"), switch.around("told"))
    assert joined(switch.around("told"), switch.around("told"))
    assert not joined(switch.around("left"), None)


def test_a_model_whose_layers_do_not_get_the_row_is_mixed_no_more(base: Path, folders: dict[str, Path]) -> None:
    """As experts do, which get the tokens that are sent to them."""
    loaded = models.load(str(base))
    wanted = logits(loaded)
    switch = Switch(loaded)
    switch.add("left", str(folders["left"]))
    left, none = switch.around("left"), switch.around(None)
    assert joined(left, none)
    with pytest.raises(NotTheRowError), switch.mixing([("left", 2), (None, 1)]):
        loaded.model(input_ids=IDS)
    assert not joined(left, none)
    assert torch.equal(logits(loaded), wanted)
    with left():
        assert torch.equal(logits(loaded), alone(base, folders["left"]))


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
