"""An adapter of another model of the same shape is told of; the same model under another name is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.cli.app import run
from midcourse.models import bundled
from midcourse.models.adapter_base import other
from tests import trained
from tests.ran import Ran
from tests.studio.running import make_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def tuned(base: Path) -> Path:
    """The same model after somebody has trained it: names, shapes and sizes are the same."""
    loaded = models.load(str(base))
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight[::7] += 0.5
    folder = base.parent / "tuned"
    models.save(loaded, folder)
    return folder


@pytest.fixture(scope="module")
def lora(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained.adapter(base, tmp_path_factory.mktemp("lora") / "cards", seed=3)


def named(lora: Path, copy: Path, base: object) -> str:
    """A copy of the adapter that names another model as its own."""
    shutil.copytree(lora, copy)
    config = json.loads((copy / "adapter_config.json").read_text()) | {"base_model_name_or_path": base}
    (copy / "adapter_config.json").write_text(json.dumps(config))
    return str(copy)


def test_the_same_model_is_quiet_whatever_it_is_called(
    base: Path, lora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base, tmp_path / "copy")
    (tmp_path / "link").symlink_to(base)
    monkeypatch.chdir(base.parent)
    for model in (base, tmp_path / "copy", tmp_path / "link", "base", "./base"):
        assert other(str(lora), str(model)) is None, model
    assert other(named(lora, tmp_path / "hub", "somebody/Base"), str(base)) is None
    assert other(named(lora, tmp_path / "gone", "/nowhere/models/base"), str(base)) is None
    assert other(named(lora, tmp_path / "bundled", "bundled"), bundled.HUB_ID) is None
    assert other(named(lora, tmp_path / "public", bundled.HUB_ID), "bundled") is None
    assert other(named(lora, tmp_path / "nothing", None), str(base)) is None
    assert other(None, str(base)) is None
    assert other("some.gguf", str(base)) is None


def test_a_configuration_without_weights_says_nothing(
    base: Path, lora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the cache, where somebody has only looked at a model."""
    shutil.copytree(base, tmp_path / "looked", ignore=shutil.ignore_patterns("*.safetensors"))
    found = str(tmp_path / "looked" / "config.json")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: found)
    assert other(named(lora, tmp_path / "hub", f"somebody/{base.name}"), str(base)) is None
    hub = named(lora, tmp_path / "other", "somebody/else")
    assert "was made on somebody/else" in str(other(hub, str(base)))


def test_another_model_is_told_of(base: Path, tuned: Path, lora: Path, tmp_path: Path) -> None:
    said = "the adapter {} was made on {} and is used with {}: on another model it does something else"
    assert other(str(lora), str(tuned)) == said.format(lora, base, tuned)
    hub = named(lora, tmp_path / "hub", "somebody/else")
    assert other(hub, str(base)) == said.format(hub, "somebody/else", base)
    assert other(named(lora, tmp_path / "own", "bundled"), str(base)) is not None


def test_commands_say_it_once_and_go_on(
    base: Path, tuned: Path, lora: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def mc(*arguments: object) -> Ran:
        capfd.readouterr()
        return Ran(run([str(one) for one in arguments]), *capfd.readouterr())

    traces = tmp_path / "a.jsonl"
    steer = {"messages": [{"role": "user", "content": "?"}], "output": [{"rejected": "a", "chosen": "b"}]}
    traces.write_text(json.dumps(steer) + "\n")
    commands: dict[str, Callable[[Path], tuple[object, ...]]] = {
        "score": lambda model: ("--model", model, "--traces", traces, "--out", tmp_path / "o.jsonl"),
        "train": lambda model: ("--model", model, "--traces", traces, "--output", tmp_path / "t", "--epochs", 1),
        "export-model": lambda model: (
            *("--model", model, "--to", "merged", "--out", tmp_path / "merged", "--overwrite"),
        ),
    }
    for name, arguments in commands.items():
        for model, times in ((base, 0), (tuned, 1)):
            ran = mc(name, *arguments(model), "--adapter", lora)
            assert (ran.code, ran.err.count(f"was made on {base} and is used with")) == (0, times), ran.err
