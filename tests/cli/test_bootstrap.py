"""`attributes bootstrap` on the command line: what it refuses, and a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse import models
from midcourse.attributes.data import plain
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from tests.attributes.bootstrap import toy
from tests.cli.conftest import Ran, lines
from tests.studio.running import make_model

MC = Callable[..., Ran]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def dials(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.dials(base, tmp_path_factory.mktemp("dials") / "adapter")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return lines(tmp_path / "rows.jsonl", *(plain.dump(row) for row in toy.ROWS))


def test_what_is_missing_is_said_before_anything_is_loaded(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    command = ("attributes", "bootstrap", "--model", base, "--output", tmp_path / "out")
    assert "--data and --predictor: not given" in mc(*command).err
    named = ("--data", data, "--predictor", tmp_path / "none")
    ran = mc(*command, *named)
    assert ran.code == 2
    assert "has not learned to be told attributes" in ran.err
    assert "nobody knows when to stop" in mc(*command, *named, "--share", 0).err
    assert not (tmp_path / "out").exists()


def test_a_round_with_fitted_predictors(mc: MC, base: Path, dials: Path, data: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        settings = FitSettings(epochs=0, seed=seed, dtype="float32")
        fit(models.load(str(base), dtype="float32"), toy.ROWS, toy.SCHEMA, settings, tmp_path / name, name=name)
    command = (
        "attributes", "bootstrap", "--model", base, "--adapter", dials, "--data", data, "--share", 0.3,
        "--predictor", tmp_path / "one", "--judge", tmp_path / "two", "--output", tmp_path / "out", "--rounds", 1,
        "--samples", 2, "--answer-tokens", 12, "--top-p", 0.9, "--temperature", 1, "--goal", "cheer=4",
    )  # fmt: skip
    ran = mc(*command)
    assert ran.code == 0, ran.err
    assert "before: " in ran.out
    assert "round 1: drawn" in ran.out
    again = mc(*command, "--json")
    assert (again.json["predictor"], again.json["judge"], again.json["goal"]) == ("one", "two", {"cheer": 4})
    assert json.loads((tmp_path / "out" / "bootstrap.json").read_text()) == again.json
    other = mc(*command, "--samples", 3)
    assert other.code == 2
    assert "samples" in other.err
