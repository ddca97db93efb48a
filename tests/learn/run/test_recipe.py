"""A recipe as YAML: what can be found again, and nothing that should stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from midcourse.learn.run.recipe import TOPICS, Recipe, written
from midcourse.learn.settings import TrainSettings


def test_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "steers.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    values = written(Recipe(traces="steers.jsonl", model="org/name", epochs=7))
    assert values["traces"] == str(tmp_path / "steers.jsonl")
    assert values["model"] == "org/name"
    assert list(values)[:3] == ["traces", "held_out", "model"]
    assert Recipe(**values).epochs == 7


def test_a_password_is_not_written() -> None:
    values = written(Recipe(traces="postgresql://ada:secret@host/steers"))
    assert "secret" not in str(values)
    assert values["traces"] == "postgresql://ada:***@host/steers"


def test_settings_of_training_are_those_alone() -> None:
    recipe = Recipe(traces="x", epochs=2, threads=3)
    assert recipe.training == TrainSettings(epochs=2)
    assert recipe.inputs["threads"] == 3


def test_every_topic_begins_at_a_field() -> None:
    assert TOPICS.keys() <= Recipe.model_fields.keys()
    assert next(iter(TrainSettings.model_fields)) in TOPICS
