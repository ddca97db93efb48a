"""The whole demonstration with a tiny model on the sample that comes with Midcourse, killed on its way or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midcourse.attributes.manifest import Manifest
from midcourse.attributes.steerability.result import Steerability
from midcourse.demo.attributes.run import _Demo
from tests.attributes.predictors.sample import backbone
from tests.cli.conftest import Ran, mc

__all__ = ["mc"]
FLAGS = {
    "ladders": 6, "epochs": 1, "max-prompt": 24, "max-answer": 400, "bootstrap-prompts": 2, "refine-prompts": 3,
    "samples": 2, "prompts": 3, "max-tokens": 8, "teacher-depth": 1, "examiner-depth": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backbone(tmp_path_factory.mktemp("demo") / "model", layers=2)


def _demo(mc: Callable[..., Ran], model: Path, output: Path) -> Ran:
    flags = [part for name, value in FLAGS.items() for part in (f"--{name}", value)]
    return mc("attributes", "demo", "--model", model, "--output", output, *flags)


def test_from_rated_answers_to_measured_dials(
    mc: Callable[..., Ran], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    work: Any = _Demo._measured
    monkeypatch.setattr(_Demo, "_measured", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert _demo(mc, model, out).code == 130
    monkeypatch.setattr(_Demo, "_measured", work)
    monkeypatch.setattr(_Demo, "_dials", lambda _: pytest.fail("done again"))
    ran = _demo(mc, model, out)
    assert ran.code == 0, ran.err
    assert "made-up sample" in ran.err
    assert "tokens of an answer, for each level" in ran.out
    measured = Steerability.read(out / "measured" / "steerability.json")
    assert measured.judge == "examiner"
    assert measured.judges == ["teacher"]
    assert {one.guidance for one in measured.curves} == {1.0, 2.5}
    assert {one.beside for one in measured.curves} == {None, "complexity"}
    for adapter in ("dials", "refine"):
        manifest = Manifest.read(out / adapter)
        assert manifest is not None
        assert manifest.judges == ("teacher",)
    done = json.loads((out / "demo.json").read_text())
    assert list(done["seconds"]) == [
        "rows", "teacher", "examiner", "annotate", "dials", "measured", "bootstrap", "refine", "after",
    ]  # fmt: skip
    kept = {name: _lines(out / f"{name}.jsonl") for name in ("rated", "held-out", "unrated-annotated")}
    assert not {row["id"] for row in kept["rated"]} & {row["id"] for row in kept["held-out"]}
    assert {row["predicted_by"] for row in kept["unrated-annotated"]} == {"teacher"}


def _lines(path: Path) -> list[Any]:
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]
