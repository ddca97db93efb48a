"""`attributes annotate` with a fitted predictor: as one process, as two, and without what it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse import models
from midcourse.attributes.data import plain, rows
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.regression import RegressionPredictor
from tests.attributes.predictors import sample
from tests.cli.conftest import Ran
from tests.launched import launch


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictor")
    loaded = models.load(str(sample.backbone(folder / "base")), dtype="float32")
    fit(loaded, sample.rows(36), sample.SCHEMA, FitSettings(epochs=0, dtype="float32"), folder / "fitted")
    return folder / "fitted"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "rows.jsonl"
    path.write_text("".join(json.dumps(plain.dump(row)) + "\n" for row in sample.rows(300, seed=4)))
    return path


def test_each_row_says_what_the_predictor_says(mc: Callable[..., Ran], predictor: Path, data: Path) -> None:
    out = data.with_name("one.jsonl")
    ran = mc("attributes", "annotate", "--predictor", predictor, "--data", data, "--out", out, "--json")
    assert ran.code == 0, ran.err
    known = RegressionPredictor.load(predictor)
    said = json.loads(ran.out)
    assert said == {"rows": 300, "answers": 300, "before": 0, "by": known.name, "file": str(out)}
    given = rows(data, sample.SCHEMA)
    for row, line in zip(given[:20], out.read_text().splitlines(), strict=False):
        found = json.loads(line)
        (expected,) = known.predict([row.messages])
        assert found["predicted"] == pytest.approx(expected.values, abs=1e-3)
        assert found["predicted_deviation"] == pytest.approx(expected.deviation, rel=1e-4)
        assert found["human_rated"] == list(row.last.ratings)


def test_two_processes_write_the_same_file(mc: Callable[..., Ran], predictor: Path, data: Path) -> None:
    """Started as docs/attributes.md says."""
    outs = [data.with_name(f"{name}.jsonl") for name in ("alone", "shared")]
    command = ("attributes", "annotate", "--predictor", predictor, "--data", data, "--out")
    assert mc(*command, outs[0]).code == 0
    ran = launch("midcourse", *command, outs[1], by="accelerate", folder=data.with_name("launched"))
    assert ran.code == 0, ran.err
    assert outs[1].read_bytes() == outs[0].read_bytes()
    assert ran.out.count("300 answers in 300 rows rated") == 1
    assert sorted(path.name for path in data.parent.glob(".*")) == []


def test_what_is_missing_is_told_before_anything_is_loaded(
    mc: Callable[..., Ran], predictor: Path, data: Path, tmp_path: Path
) -> None:
    for options, said in (
        (
            ("--predictor", tmp_path, "--data", data, "--out", tmp_path / "o.jsonl"),
            "a folder without an attributes.json",
        ),
        (("--predictor", "none", "--data", data, "--out", tmp_path / "o.jsonl"), "no folder of a fitted predictor"),
        (("--predictor", "judge:http://x", "--data", data, "--out", tmp_path / "o.jsonl"), "say what with --schema"),
        (("--predictor", predictor, "--data", data, "--out", tmp_path / "o.jsonl.gz"), "and not .gz"),
        (("--predictor", predictor, "--data", tmp_path / "no.jsonl", "--out", tmp_path / "o.jsonl"), "cannot be read"),
    ):
        ran = mc("attributes", "annotate", *options)
        assert ran.code == 2
        assert said in ran.err
    assert list(tmp_path.iterdir()) == []
