"""Rounds on a tiny model: they gain, they stop, and a run that was killed comes out the same."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from midcourse import models
from midcourse.attributes.data import Reading, rows
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.schema import Attribute, Schema
from midcourse.errors import ConfigError, ModelError, UserError
from midcourse.learn.run.progress import Progress
from tests import forked
from tests.attributes.bootstrap import toy
from tests.studio.running import make_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def dials(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.dials(base, tmp_path_factory.mktemp("dials") / "adapter")


@pytest.fixture(scope="module")
def whole(base: Path, dials: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "run"
    toy.run(base, dials, output)
    return output


def _result(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "bootstrap.json").read_text())
    return found


def test_rounds_gain_on_prompts_that_they_have_not_seen(whole: Path) -> None:
    found = _result(whole)
    before, first = found["rounds"]
    assert (found["best"], found["stopped"]) == (1, "rounds")
    assert first["taken"]
    assert first["gain"]["mean"] > first["gain"]["error"] > 0
    assert first["held_out"]["means"]["cheer"] > before["held_out"]["means"]["cheer"]
    assert first["chosen_score"] > first["drawn_score"]
    assert found["goal"] == {"cheer": 4}


def test_what_is_trained_on_is_a_file_with_the_values_that_answers_have(whole: Path) -> None:
    found = rows(whole / "round-1" / "train.jsonl", toy.SCHEMA, Reading(predicted="ignore"))
    drawn = [row for row in found if row.id.startswith("round-1-")]
    assert len(drawn) == len(found) == _result(whole)["rounds"][1]["chosen"]
    assert 0 < len(drawn) <= 2 * 8
    for row in drawn:
        assert {rating.by for rating in row.last.ratings.values()} == {"counting"}
        assert row.last.values["cheer"] == min(row.last.content.count("!"), 4)


def test_the_result_is_an_adapter_with_dials_that_names_its_judges(base: Path, whole: Path) -> None:
    best = whole / f"round-{_result(whole)['best']}" / "adapter"
    for name in ("adapter_model.safetensors", "adapter_config.json", "attributes.json"):
        assert (whole / name).read_bytes() == (best / name).read_bytes()
    manifest = Manifest.read(whole)
    assert manifest is not None
    assert manifest.judges == ("counting",)  # the other one only measured
    assert models.load(str(base), adapter=str(whole)).tokenizer.conditioning is not None


KEPT = (
    "bootstrap.json", "plan.json", "adapter_model.safetensors", "adapter_config.json", "attributes.json",
    "round-0/round.json", "round-0/looked.jsonl", "round-0/judged.jsonl", "round-1/round.json",
    "round-1/drawn.jsonl", "round-1/rated.jsonl", "round-1/train.jsonl", "round-1/looked.jsonl", "round-1/judged.jsonl",
    )  # fmt: skip


@pytest.mark.parametrize(("phase", "number"), [("drawing", 2), ("rating", 2), ("train", 9), ("judging", 3)])
def test_killed_anywhere_and_begun_again_it_comes_out_the_same(
    base: Path, dials: Path, whole: Path, tmp_path: Path, phase: str, number: int
) -> None:
    command = [sys.executable, "-m", "tests.attributes.bootstrap.toy", str(base), str(dials), str(tmp_path / "run")]
    killed = forked.run([*command, phase, str(number)], cwd=ROOT)
    assert killed.code == -signal.SIGKILL
    assert not (tmp_path / "run" / "bootstrap.json").exists()
    toy.run(base, dials, tmp_path / "run")
    for name in KEPT:
        found, wanted = (place / name for place in (tmp_path / "run", whole))
        assert found.exists() == wanted.exists(), name
        if wanted.exists():
            same = found.read_bytes() == wanted.read_bytes()
            assert same, name


def test_a_run_that_is_done_is_not_done_again(base: Path, dials: Path, whole: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*.json*")}
    phases = []
    toy.run(base, dials, whole, lambda progress: phases.append(progress.phase))
    assert set(phases) <= {"note"}
    assert {path: path.read_bytes() for path in whole.rglob("*.json*")} == before


def test_another_run_is_not_mixed_with_it(base: Path, dials: Path, whole: Path) -> None:
    with pytest.raises(ConfigError) as error:
        toy.run(base, dials, whole, samples=3, predictor=toy.Counting("third"))
    assert {problem.field for problem in error.value.problems} == {"samples", "predictor"}
    again = {"predictor": toy.Counting(source="fitted again"), "judge": toy.Counting("another", "and this one")}
    with pytest.raises(ConfigError) as error:
        toy.run(base, dials, whole, **again)
    assert {problem.field for problem in error.value.problems} == {"predictor weights", "judge weights"}


def test_a_round_that_gains_nothing_is_dropped_and_ends_it(base: Path, dials: Path, tmp_path: Path) -> None:

    class Indifferent(toy.Counting):
        def predict(self, conversations: Any) -> Any:
            same = super().predict(conversations)
            return [type(one)({**one.values, "cheer": 2.0}, one.deviation) for one in same]

    done = toy.run(base, dials, tmp_path / "run", judge=Indifferent("indifferent"), epochs=1, rounds=3)
    assert (done["best"], done["stopped"], len(done["rounds"])) == (0, "gain", 2)
    assert not done["rounds"][1]["taken"]
    assert not (tmp_path / "run" / "adapter_config.json").exists()


def test_what_cannot_work_is_said_before_anything_is_written(base: Path, dials: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has not learned to be told"):
        toy.bootstrap(
            lambda _: models.load(str(base)), toy.Counting(), toy.ROWS, toy.HELD_OUT, toy.RECIPE, tmp_path / "run"
        )
    with pytest.raises(UserError, match="at least two"):
        toy.bootstrap(
            lambda _: models.load(str(base), adapter=str(dials)),
            toy.Counting(), toy.ROWS, toy.HELD_OUT[:1], toy.RECIPE, tmp_path / "run",
        )  # fmt: skip
    with pytest.raises(ConfigError, match="unknown attribute"):
        toy.run(base, dials, tmp_path / "run", goal=["joy=4"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("who", ["predictor", "judge"])
def test_values_on_another_scale_are_refused_before_anything_is_written(
    base: Path, dials: Path, tmp_path: Path, who: str
) -> None:
    class From1(toy.Counting):
        attributes = Schema(name="five", attributes=(Attribute(name="cheer", minimum=1, maximum=5),))

    with pytest.raises(UserError, match="from-1 rates cheer from 1 to 5, not 0 to 4"):
        toy.run(base, dials, tmp_path / "x", **{who: From1("from-1")})
    assert not (tmp_path / "x").exists()


def test_a_judge_of_its_own_is_warned_of(base: Path, dials: Path, tmp_path: Path) -> None:
    notes: list[Progress] = []
    one = toy.Counting()
    toy.run(base, dials, tmp_path / "run", notes.append, predictor=one, judge=one, rounds=1, epochs=1)
    assert any("measures what it has chosen itself" in (progress.note or "") for progress in notes)


def test_more_rounds_go_on_from_the_last_one_and_old_answers_can_stay(base: Path, dials: Path, tmp_path: Path) -> None:
    toy.run(base, dials, tmp_path / "run", epochs=1, replay=0.5, least=0.0, keep="weighted")
    drawn = (tmp_path / "run" / "round-1" / "drawn.jsonl").stat().st_mtime_ns
    done = toy.run(base, dials, tmp_path / "run", epochs=1, replay=0.5, least=0.0, keep="weighted", rounds=2)
    assert (tmp_path / "run" / "round-1" / "drawn.jsonl").stat().st_mtime_ns == drawn
    assert len(done["rounds"]) == 2 + done["rounds"][1]["taken"]
    found = rows(tmp_path / "run" / "round-1" / "train.jsonl", toy.SCHEMA)
    assert sum(row.weight == 0.5 for row in found) >= len(toy.ROWS)


def test_what_a_run_has_trained_on_can_be_bootstrapped_on(base: Path, dials: Path, whole: Path, tmp_path: Path) -> None:
    given = rows(whole / "round-1" / "train.jsonl", toy.SCHEMA)
    recipe = toy.RECIPE.model_copy(update={"adapter": str(dials), "epochs": 1, "replay": 1.0, "samples": 2})
    toy.bootstrap(
        lambda place: models.load(str(base), adapter=place, dtype="float32"),
        toy.Counting(), given, toy.HELD_OUT, recipe, tmp_path / "run", judge=toy.Counting("another"),
    )  # fmt: skip
    found = rows(tmp_path / "run" / "round-1" / "train.jsonl", toy.SCHEMA)
    assert {row.id for row in given} < {row.id for row in found}
    assert any(row.id.endswith(".2") for row in found)
