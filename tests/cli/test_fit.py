"""`attributes fit` on the command line, with a tiny backbone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse.attributes.predictors.load import load
from midcourse.attributes.schema import Schema
from tests.attributes.predictors import sample
from tests.cli.conftest import Ran, lines

MC = Callable[..., Ran]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Rows as HelpSteer has them: `length` is its verbosity, `cheer` its helpfulness."""
    rows = [
        {
            "prompt": row.turns[0].content,
            "response": row.last.content,
            "verbosity": int(row.last.values["length"]),
            **({"helpfulness": int(row.last.values["cheer"])} if "cheer" in row.last.values else {}),
        }
        for row in sample.rows(60)
    ]
    return lines(tmp_path / "rated.jsonl", *rows)


def test_from_a_file_to_a_predictor(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictor"
    ran = mc(
        "attributes", "fit", "--model", base, "--data", data, "--schema", "helpsteer", "--output", out,
        "--epochs", 1, "--learning-rate", 0.003, "--length",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "verbosity" in ran.out
    assert "coherence" not in ran.out  # nobody rated it
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["held_out_answers"] == 12
    assert metrics["settings"]["length"] is True
    assert metrics["attributes"]["verbosity"]["spearman"] > 0.8
    page = (out / "report.html").read_text()
    assert "Beside what costs nothing" in page
    assert load(str(out)).attributes == Schema.load("helpsteer")


def test_what_is_wrong_is_told_before_a_model_is_loaded(mc: MC, data: Path, tmp_path: Path) -> None:
    with data.open("a") as file:
        file.write('{"prompt": "a", "response": "b", "verbosity": 9}\n{"prompt": "a"}\n')
    ran = mc("attributes", "fit", "--model", "nobody/nothing", "--data", data, "--output", tmp_path / "out")
    assert ran.code == 2
    assert f"{data}:61: verbosity" in ran.err
    assert f"{data}:62: " in ran.err
    assert not (tmp_path / "out").exists()


def test_a_file_of_its_own_to_measure_on(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    held = lines(tmp_path / "held.jsonl", {"prompt": "another", "response": "the cold", "verbosity": 1})
    ran = mc(
        "attributes", "fit", "--model", base, "--data", data, "--held-out", held, "--output", tmp_path / "out",
        "--epochs", 0, "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["held_out_answers"] == 1
    assert ran.json["answers"] == 60
    assert ran.json["attributes"]["verbosity"]["spearman"] is None


def test_what_is_too_long_is_counted_and_said(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    long = lines(tmp_path / "long.jsonl", {"prompt": "why", "response": "the sea " * 60, "verbosity": 4})
    given = ["attributes", "fit", "--model", base, "--data", data, "--data", long, "--epochs", 0, "--hold-out", 0]
    ran = mc(*given, "--max-tokens", 80, "--output", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "more than 80 tokens: 1 answer lost " in ran.err
    assert "more than" not in mc(*given, "--output", tmp_path / "whole").err


def test_a_row_without_ratings_is_not_what_is_held_out(mc: MC, base: Path, tmp_path: Path) -> None:
    rows = [{"prompt": f"why {number}", "response": "the sea"} for number in range(8)]
    rated = [{"prompt": f"name {number}", "response": "a bird", "verbosity": number} for number in range(2)]
    data = lines(tmp_path / "few.jsonl", *rows, *rated)
    given = ["attributes", "fit", "--model", base, "--data", data, "--epochs", 0]
    ran = mc(*given, "--output", tmp_path / "out", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["answers"], ran.json["held_out_answers"]) == (1, 1)
