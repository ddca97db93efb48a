"""Plans: all problems at once and nothing started; names that reach nowhere; the form and the flags."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.cli.app import app
from midcourse.learn.run.recipe import Recipe
from midcourse.studio.jobs import folder, form
from midcourse.studio.settings import StudioSettings
from midcourse.trace.files import from_dict
from tests.studio.jobs.made import steered
from tests.studio.running import Running


def plan(studio: Running, **asked: Any) -> dict[str, Any]:
    answer = studio.client.post("/api/train/plan", json={"name": "cards"} | asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def fields(plan: dict[str, Any]) -> list[str]:
    return [problem["field"] for problem in plan["problems"]]


def test_all_problems_at_once_and_nothing_started(studio: Running) -> None:
    steered(studio, 3)
    wrong = {"epochs": 0, "learning_rate": -1, "objective": "sft + dop", "epoch": 3, "full": True, "run_name": "../x"}
    asked = {"name": "con.txt", "start_from": "nobody", "settings": wrong}
    found = plan(studio, **asked)
    assert sorted(fields(found)) == sorted(["name", "start_from", *wrong])
    [misspelt] = [problem for problem in found["problems"] if problem["field"] == "epoch"]
    assert "did you mean 'epochs'" in misspelt["message"]
    refused = studio.client.post("/api/jobs/train", json=asked)
    assert refused.status_code == 422
    assert refused.json()["error"]["problems"] == found["problems"]
    assert studio.client.get("/api/jobs").json() == {"rows": []}
    assert not studio.services.jobs.runs.exists()


def test_what_the_trainer_would_say(studio: Running) -> None:
    steered(studio, 1)
    found = plan(studio)
    assert (found["held_out"], found["problems"]) == (0, [])
    assert "nothing is held out: these steers belong to a single conversation" in found["notices"]
    assert fields(plan(studio, select={"tag": "nobody"})) == ["select"]
    found = plan(studio, settings={"objective": "unlikelihood"})
    assert fields(found) == ["objective"]
    assert "nothing to train on" in found["problems"][0]["message"]
    assert any("beta is set and ignored" in notice for notice in plan(studio, settings={"beta": 0.3})["notices"])


def test_an_empty_store(studio: Running) -> None:
    assert fields(plan(studio)) == ["select"]
    assert studio.client.post("/api/jobs/train", json={"name": "cards"}).status_code == 422


def test_answers_of_another_tokenizer_come_through_their_text(studio: Running) -> None:
    from tests import tokenizers

    other = tokenizers.get("sentencepiece")
    line = {
        "messages": [{"role": "user", "content": "Hello?"}],
        "output": ["One", {"rejected": " two", "chosen": " three"}],
    }
    read = from_dict(line, other, model="nowhere/to-be-found")
    studio.services.store.add(read.traces)
    assert plan(studio)["notices"] == ["1 answer of another model left out: no text in this one's tokens"]


def test_the_command_is_the_recipe(studio: Running, tmp_path: Path) -> None:
    steered(studio, 3)
    given = {"objective": "dpo + 0.5 sft", "lengths": {"dpo": "mean"}, "lora_targets": ["q_proj", "v_proj"]}
    given |= {"watch": True, "keep_best": False, "device": "cpu", "threads": 3}
    words = shlex.split(plan(studio, settings=given)["command"])
    assert words[:2] == ["midcourse", "train"]
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    recipe = bound.arguments["settings"].model_dump()
    assert {name: recipe[name] for name in given} == given
    assert recipe["traces"] == str(tmp_path / "traces-runs" / "cards" / "steers.jsonl")


def test_the_form_has_what_can_be_set(studio: Running) -> None:
    shown = {one["name"]: one for one in studio.client.get("/api/train/settings").json()}
    assert shown.keys() == set(Recipe.model_fields) - form.OURS - form.ELSEWHERE
    assert shown["epochs"] == {
        "name": "epochs",
        "topic": "Steps",
        "type": "integer",
        "default": 4,
        "choices": [],
        "minimum": 1,
        "maximum": None,
        "help": "How often each steer is seen.",
    }
    assert shown["schedule"]["choices"] == ["cosine", "linear", "constant"]
    assert (shown["bdpo_lambda"]["minimum"], shown["bdpo_lambda"]["maximum"]) == (0, 1)
    assert all(one["help"] for one in shown.values())


@given(st.text(max_size=70))
@settings(max_examples=300, deadline=None)
def test_a_name_is_one_folder(name: str) -> None:
    if folder.unsafe(name) is None:
        place = Path("/runs")
        assert (place / name).resolve().parent == place
        assert (place / name).name == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\0b", "NUL", "com1.x", "a.", "ä", "-a", "a b", "a\n", "x" * 65]
)
def test_names_that_are_refused(studio: Running, name: str) -> None:
    steered(studio, 2)
    assert folder.unsafe(name) is not None
    assert studio.client.post("/api/jobs/train", json={"name": name}).status_code == 422
    assert not studio.services.jobs.runs.exists()


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    with folder.new(tmp_path / "runs", "Cards"):
        pass
    assert folder.taken(tmp_path / "runs", "cards")


@pytest.mark.parametrize(
    ("store", "place"),
    [
        ("sqlite:////data/steers.db", "/data/steers-runs"),
        ("/data/steers.db", "/data/steers-runs"),
        ("postgresql://me:secret@host/db", "midcourse-runs"),
        ("sqlite://", "midcourse-runs"),
    ],
)
def test_where_runs_are(store: str, place: str) -> None:
    assert folder.runs(StudioSettings(store=store)) == Path(place).resolve()
    assert folder.runs(StudioSettings(store=store, runs=Path("/else"))) == Path("/else")
