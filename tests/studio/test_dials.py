"""Asking for attributes in the studio: what can be asked for, what the model then reads, and what is trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.trace.text import to_text
from tests.studio.jobs.made import train, wait
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin
from tests.studio.test_adapters import add, text, use
from tests.studio.test_compare import events
from tests.trained import with_dials

ASKED = {"verbosity": 1.0, "helpfulness": 4.0}
LINE = "Answerwithhelpfulness4,verbosity1."


@pytest.fixture
def dials(studio: Running, model: Path) -> Running:
    """A studio whose adapter `dials` has learned to be told attributes, and is on; `plain` has not."""
    add(studio, "plain", model, seed=1)
    with_dials(add(studio, "dials", model, seed=2), model)
    assert use(studio, "dials").status_code == 200
    return studio


def view(studio: Running) -> dict[str, Any]:
    return dict(studio.client.get("/api/models").raise_for_status().json())


def prompt(studio: Running, id: str) -> str:
    """What the model reads before the answer, without blanks: this tokenizer puts some around digits."""
    return "".join(to_text(studio.services.loaded.tokenizer, studio.services.store.get(id).prompt).split())


def test_what_can_be_asked_for_is_what_the_adapter_says(dials: Running) -> None:
    found = view(dials)
    names = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]
    assert [dial["name"] for dial in found["dials"]["dials"]] == names
    assert found["dials"]["dials"][4] == {
        "name": "verbosity", "minimum": 0, "maximum": 4, "step": 1, "better": "neither",
        "description": "How much is said, for what was asked.", "low": "as short as can be", "high": "exhaustive",
    }  # fmt: skip
    assert found["own_dials"] is None
    assert {one["name"]: one["dials"] and one["dials"]["name"] for one in found["adapters"]} == {
        "dials": "helpsteer",
        "plain": None,
    }
    assert use(dials, "plain").json()["dials"] is None
    assert use(dials, None).json()["dials"] is None
    assert use(dials, "dials").json()["dials"] == found["dials"]


def test_an_adapter_of_another_tokenizer_does_not_fit(studio: Running, model: Path) -> None:
    folder = with_dials(add(studio, "other", model, seed=1), model)
    manifest = Manifest.read(folder)
    assert manifest is not None
    manifest.model_copy(update={"tokenizer": "another"}).write(folder)
    [found] = view(studio)["adapters"]
    assert not found["fits"]
    assert "another tokenizer" in found["why"]


def test_what_is_asked_for_is_read_and_kept(dials: Running) -> None:
    asked = begin(dials.client, "Why?", attributes=ASKED, max_tokens=12)
    plain = begin(dials.client, "Why?", max_tokens=12)
    assert LINE in prompt(dials, asked)
    assert "Answerwith" not in prompt(dials, plain)
    assert dials.services.store.get(asked).attributes == ASKED
    assert text(dials, asked) != text(dials, plain)
    rows = dials.client.get("/api/traces", params={"attribute": "verbosity:1..1"}).json()["rows"]
    assert [row["attributes"] for row in rows] == [ASKED]


@pytest.mark.parametrize(
    ("adapter", "attributes", "message"),
    [
        ("dials", {"verbosty": 1}, "unknown attribute 'verbosty'; did you mean 'verbosity'?"),
        ("dials", {"verbosity": 5}, "5 is not between 0 and 4"),
        ("dials", {"verbosity": -0.5, "wit": 1}, "-0.5 is not between 0 and 4"),
        ("plain", {"verbosity": 1}, "has not learned to be told attributes"),
        (None, {"verbosity": 1}, "has not learned to be told attributes"),
    ],
)
def test_what_cannot_be_asked_for(dials: Running, adapter: str | None, attributes: Any, message: str) -> None:
    use(dials, adapter)
    body = {"messages": [{"role": "user", "content": "Why?"}], "attributes": attributes}
    answer = dials.client.post("/api/traces", json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert message in " ".join([error["message"], *(one["message"] for one in error["problems"])])
    assert len(error["problems"]) == (len(attributes) if adapter == "dials" else 0)
    assert dials.services.store.count().traces == 0


def test_the_next_answer_is_asked_for_the_same_or_for_something_else(dials: Running) -> None:
    first = begin(dials.client, "Why?", attributes=ASKED, max_tokens=4)
    with Tab(dials.url, TOKEN, first) as tab:
        tab.wait_idle()

    def following(**more: Any) -> tuple[dict[str, float], str]:
        answer = dials.client.post(f"/api/traces/{first}/next", json={"content": "And?", "go_on": False, **more})
        assert answer.status_code == 201, answer.text
        id = answer.json()["trace"]
        return dials.services.store.get(id).attributes, prompt(dials, id)

    attributes, read = following()
    assert attributes == ASKED
    assert read.count("Answerwith") == 1
    attributes, read = following(attributes={"verbosity": 3})
    assert attributes == {"verbosity": 3}
    assert "Answerwithverbosity3." in read
    attributes, read = following(attributes={})
    assert "Answerwith" not in read
    use(dials, "plain")  # it cannot be asked for anything, so nothing is asked
    attributes, read = following()
    assert attributes == {}
    assert "Answerwith" not in read


def test_what_was_asked_for_stays(dials: Running) -> None:
    asked = begin(dials.client, "Why?", attributes=ASKED, go_on=False)
    plain = begin(dials.client, "Why?", go_on=False)
    refused = dials.client.patch(f"/api/traces/{asked}", json={"attributes": {"verbosity": 4}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "steer")
    assert dials.client.patch(f"/api/traces/{asked}", json={"attributes": ASKED, "tags": ["a"]}).status_code == 200
    assert dials.client.patch(f"/api/traces/{plain}", json={"attributes": {"verbosity": 4}}).status_code == 200
    assert dials.services.store.get(asked).attributes == ASKED


def test_guidance_is_what_the_engine_does(dials: Running, model: Path) -> None:
    loaded = models.load(str(model), adapter=str(dials.services.jobs.runs / "dials"))
    messages = [{"role": "user", "content": "Why?"}]
    ids, neutral = loaded.tokenizer.prompt(messages, ASKED), loaded.tokenizer.prompt(messages)
    found = {}
    for guidance in (0.0, 1.0, 4.0):
        sampling = replace(Sampling(), guidance=guidance)
        steps = TransformersEngine(loaded).stream(ids, sampling, max_tokens=12, neutral=neutral)
        found[guidance] = [step.id for step in steps]
        id = begin(dials.client, "Why?", attributes=ASKED, max_tokens=12, guidance=guidance)
        assert text(dials, id) == found[guidance]
        unasked = begin(dials.client, "Why?", max_tokens=12, guidance=guidance)  # there is nothing to go towards
        assert text(dials, unasked) == text(dials, begin(dials.client, "Why?", max_tokens=12))
    assert found[0.0] != found[1.0] != found[4.0]
    body = {"messages": messages, "sampling": {"guidance": -1}}
    assert dials.client.post("/api/traces", json=body).status_code == 422


def test_both_sides_can_be_asked_for_something_else(dials: Running) -> None:
    """Each side answers what it was asked, and judges the other's answer as one to what it was asked itself."""
    short, long = {"verbosity": 0.0}, {"verbosity": 4.0}
    trace = begin(dials.client, "Why?", attributes=ASKED, go_on=False)
    use(dials, None)  # whichever is on
    asked = {
        "left": "dials", "right": "dials", "prompts": ["Why?"], "traces": [trace], "max_tokens": 10,
        "left_asked": {"attributes": short}, "right_asked": {"attributes": long, "guidance": 3.0},
    }  # fmt: skip
    found = list(events(dials, **asked))
    sides = {(one["prompt"], one["side"]): one["tokens"] for one in found if one["kind"] == "side"}
    use(dials, "dials")
    for side, attributes, guidance in (("left", short, 1.0), ("right", long, 3.0)):
        for number in (0, 1):
            id = begin(dials.client, "Why?", attributes=attributes, max_tokens=10, guidance=guidance)
            assert text(dials, id) == [token["id"] for token in sides[number, side]]
    assert all(token["other"] is not None for tokens in sides.values() for token in tokens)
    as_asked = list(events(dials, left="dials", right="plain", traces=[trace], max_tokens=10))
    [left] = [one["tokens"] for one in as_asked if one["kind"] == "side" and one["side"] == "left"]
    assert [token["id"] for token in left] == text(dials, begin(dials.client, "Why?", attributes=ASKED, max_tokens=10))
    refused = dials.client.post("/api/compare", json={**asked, "right": "plain"})
    assert "as it is on the right" in refused.json()["error"]["message"]


def test_steers_under_dials_train_there(dials: Running, tmp_path: Path) -> None:
    """A training job on steers that were recorded under dials reads the very ids that the model had read."""
    made = []
    for number in range(4):
        id = begin(dials.client, f"Why {number}?", attributes=ASKED, max_tokens=12)
        with Tab(dials.url, TOKEN, id) as tab:
            tab.wait_idle()
            tab.post("steer", action="correct", depth=3, text=" shorter", go_on=False, serves=["verbosity"])
        made.append(id)
    other = begin(dials.client, "Why not?", max_tokens=6)
    with Tab(dials.url, TOKEN, other) as tab:
        tab.wait_idle()
        tab.post("steer", action="correct", depth=2, text=" no", go_on=False)
    job = train(dials, "shorter", select={"serves": "verbosity"}, hold_out=0.25)
    assert job["steers"] == 3
    done = wait(dials, job["id"], "done")
    assert done["metrics"]["steers"] == 3
    folder = tmp_path / "traces-runs" / "shorter"
    lines = [json.loads(line) for line in (folder / "steers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["id"] for line in lines} == set(made)
    for line in lines:
        stored = dials.services.store.get(line["id"])
        assert line["attributes"] == ASKED
        assert line["exact"]["prompt"] == list(stored.prompt)
        assert LINE in prompt(dials, line["id"])
        assert stored.steers[0].serves == ("verbosity",)
