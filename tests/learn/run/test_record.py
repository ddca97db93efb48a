"""What a run met: told apart from what another one meets, and written beside the adapter."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml

from midcourse import config
from midcourse.learn.run import record
from midcourse.learn.run.recipe import Recipe
from midcourse.learn.training import train
from tests import tiny
from tests.learn import sample


def test_a_fingerprint_sees_every_weight() -> None:
    model = tiny.model("llama")
    first = record.fingerprint(model)
    assert record.fingerprint(tiny.model("llama")) == first
    for weight in model.parameters():
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.mul_(1.01)
        assert record.fingerprint(model) != first
        weight.data = kept
    assert record.fingerprint(model) == first


def test_differences_are_named() -> None:
    before = {"dtype": "float32", "versions": {"torch": "1", "gone": "1"}}
    now = {"dtype": "bfloat16", "versions": {"torch": "1"}, "new": 1}
    assert record.differences(before, now) == ["dtype was float32, is bfloat16"]


def test_a_run_leaves_what_repeats_it(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text("any\n")
    recipe = Recipe(traces=str(file), epochs=1, learning_rate=1e-3, dtype="float32", lora_targets=["q_proj"])
    train(sample.loaded(), sample.traces(3), recipe, tmp_path / "one", origins={"epochs": "flag"})
    path = tmp_path / "one" / record.FILE
    recorded = config.read(path)[record.KEY]
    again = config.resolve(Recipe, None, path, beside=(record.KEY,))
    assert again == recipe.model_copy(update={"threads": torch.get_num_threads()})
    assert recorded["files"] == {"traces": record.digest(file)}
    assert yaml.safe_load(path.read_text())["seed"] == 0

    told = train(sample.loaded(), sample.traces(3), again, tmp_path / "two", recorded=recorded).notices
    assert not [note for note in told if "not the recorded run" in note]
    told = train(sample.loaded(seed=1), sample.traces(4), again, tmp_path / "three", recorded=recorded).notices
    [note] = [note for note in told if "not the recorded run" in note]
    assert "weights was" in note
    assert "data was" in note
