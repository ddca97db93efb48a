"""`attributes measure` as a command: from a fitted judge and prompts to a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse import models
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from tests.attributes.predictors.sample import backbone
from tests.attributes.steerability.sample import SCHEMA, rows
from tests.cli.conftest import Ran
from tests.trained import adapter, with_dials


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    base = backbone(tmp_path / "model")
    return base, with_dials(adapter(base, tmp_path / "dials", seed=1), base)


def test_requested_against_obtained(mc: Callable[..., Ran], folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, dials = folders
    judge = tmp_path / "judge"
    rated = [
        dataclasses.replace(row, turns=(row.turns[0], dataclasses.replace(row.turns[1], content="a" * (3 + number))))
        for number, row in enumerate(rows(6))
    ]
    fit(models.load(str(base), dtype="float32"), rated, SCHEMA, FitSettings(epochs=0, max_tokens=64), judge)
    data = tmp_path / "prompts.jsonl"
    data.write_text("".join(f'{{"messages": [{{"role": "user", "content": "name bird {n}"}}]}}\n' for n in range(3)))
    ran = mc(
        "attributes", "measure", "--model", base, "--adapter", dials, "--data", data, "--predictor", judge,
        "--attributes", "verbosity", "--levels", 2, "--max-tokens", 4, "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "verbosity 0 … 4" in ran.out
    assert {"steerability.json", "report.html", "answers"} <= {path.name for path in (tmp_path / "out").iterdir()}
    refused = mc(
        "attributes", "measure", "--model", base, "--data", data, "--predictor", judge, "--out", tmp_path / "no"
    )
    assert refused.code == 2
    assert "has no dials" in refused.err
    assert not (tmp_path / "no").exists()

    close = ("--data", data, "--adapter", dials, "--model", base, "--out", tmp_path / "no")
    few = mc("attributes", "measure", *close, "--predictor", judge, "--levels", 1)
    assert few.code == 2
    assert "--levels: a slope needs two values" in few.err
    unrated = mc("attributes", "measure", *close, "--predictor", judge)  # nobody had rated anything but verbosity
    assert unrated.code == 2
    assert "does not judge helpfulness, correctness, coherence, complexity" in unrated.err
    none = mc(
        "attributes", "measure", *close, "--predictor", judge, "--attributes", "verbosity", "--max-tokens", 100_000
    )
    assert none.code == 2
    assert "leaves no room for a prompt" in none.err
    assert not (tmp_path / "no").exists()


def test_a_model_that_writes_values_is_asked_for_those_of_the_dials(
    mc: Callable[..., Ran], folders: tuple[Path, Path], tmp_path: Path
) -> None:
    base, dials = folders
    data = tmp_path / "prompts.jsonl"
    data.write_text("".join(f'{{"messages": [{{"role": "user", "content": "name bird {n}"}}]}}\n' for n in range(2)))
    ran = mc(
        "attributes", "measure", "--model", base, "--adapter", dials, "--data", data,
        "--predictor", f"generative:{base}", "--attributes", "verbosity", "--levels", 2,
        "--max-tokens", 4, "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    refine = ("attributes", "refine", "--model", base, "--adapter", dials, "--data", data, "--output", tmp_path / "two")
    ran = mc(*refine, "--ask", "best", "--predictor", "judge:http://127.0.0.1:1/v1")
    assert ran.code == 2
    assert "the noise of ratings, which a judge does not know" in ran.err
    assert not (tmp_path / "two").exists()
