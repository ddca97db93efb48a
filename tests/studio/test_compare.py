"""Comparisons: each side is what the model writes with that adapter, and what the other side thinks is what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from tests.studio import sse
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin
from tests.studio.test_adapters import add
from tests.waiting import PATIENCE, until


@pytest.fixture
def studio(studio: Running, model: Path) -> Running:
    add(studio, "left", model, seed=1)
    add(studio, "right", model, seed=2)
    return studio


def events(studio: Running, **asked: Any) -> Iterator[dict[str, Any]]:
    with studio.client.stream("POST", "/api/compare", json=asked) as answer:
        assert answer.status_code == 200, answer.read()
        for _, data in sse.events(answer):
            yield data


def alone(studio: Running, model: Path, name: str | None, prompt: list[int]) -> tuple[list[int], models.Loaded]:
    folder = None if name is None else str(studio.services.jobs.runs / name)
    loaded = models.load(str(model), adapter=folder)
    steps = TransformersEngine(loaded).stream(prompt, Sampling(), max_tokens=12)
    return [step.id for step in steps], loaded


@torch.inference_mode()
def scores(loaded: models.Loaded, prompt: list[int], ids: list[int]) -> torch.Tensor:
    logits = loaded.model(input_ids=torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
    return logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0]


@pytest.mark.parametrize(("left", "right"), [(None, "left"), ("left", "right"), ("right", "right")])
def test_both_sides_are_what_they_are_alone(studio: Running, model: Path, left: str | None, right: str | None) -> None:
    trace = begin(studio.client, "What is that?", go_on=False)
    asked = {"left": left, "right": right, "prompts": ["Hello?"], "traces": [trace], "max_tokens": 12}
    found = list(events(studio, **asked))
    assert found[-1]["kind"] == "end"
    assert [event["text"] for event in found if event["kind"] == "begin"] == ["Hello?", "What is that?"]
    tok = studio.services.loaded.tokenizer
    prompts = [tok.prompt([{"role": "user", "content": text}]) for text in ("Hello?", "What is that?")]
    for number, prompt in enumerate(prompts):
        sides = {"left": alone(studio, model, left, prompt), "right": alone(studio, model, right, prompt)}
        for side, other in (("left", "right"), ("right", "left")):
            ids, own = sides[side]
            mine = [event for event in found if (event["prompt"], event["side"]) == (number, side)]
            assert [event["token"]["id"] for event in mine if event["kind"] == "token"] == ids
            tokens = mine[-1]["tokens"]
            assert [token["id"] for token in tokens] == ids
            for key, loaded in (("logprob", own), ("other", sides[other][1])):
                want = scores(loaded, prompt, ids)
                assert torch.allclose(torch.tensor([token[key] for token in tokens]), want, atol=1e-4)


def test_others_go_on_writing_and_nothing_is_left_behind(studio: Running) -> None:
    with Tab(studio.url, TOKEN, begin(studio.client, max_tokens=60)) as tab:
        before = list(events(studio, left="left", right="right", prompts=["Hello?"], max_tokens=40))
        tab.wait_idle()
        assert tab.trace["run"]["ended"] in ("limit", "end")
        alone = tab.ids
    with Tab(studio.url, TOKEN, begin(studio.client, max_tokens=60)) as tab:
        tab.wait_idle()
        assert tab.ids == alone
    assert list(events(studio, left="left", right="right", prompts=["Hello?"], max_tokens=40))[-1] == before[-1]
    assert studio.services.comparisons == set()


def test_leaving_stops_both_sides(studio: Running) -> None:
    seats = studio.desk.seats
    asked = {"left": None, "right": "right", "prompts": ["Hello?"] * 20, "max_tokens": 2000}
    client = httpx.Client(
        base_url=studio.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=PATIENCE
    )
    with client, client.stream("POST", "/api/compare", json=asked) as answer:
        heard = sse.events(answer)
        while next(heard)[1]["kind"] != "token":
            pass
        assert len(studio.services.comparisons) == 1
        assert len(seats._seats) == 2
    until(lambda: not seats._seats and not studio.services.comparisons, "leaving both seats")
    assert (seats._seats, studio.services.comparisons) == ([], set())


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"left": "nobody", "right": None, "prompts": ["a"]}, 404),
        ({"left": None, "right": None}, 422),
        ({"left": None, "right": None, "traces": ["nobody"]}, 404),
        ({"left": None, "right": None, "prompts": ["a"] * 21}, 422),
        ({"left": None, "right": None, "prompts": ["a"], "max_tokens": 0}, 422),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(studio: Running, asked: dict[str, Any], status: int) -> None:
    assert studio.client.post("/api/compare", json=asked).status_code == status


def test_a_prompt_that_is_too_long_is_an_error_of_its_own(studio: Running) -> None:
    asked = {"left": None, "right": "left", "prompts": ["x" * 20_000, "Hello?"], "max_tokens": 3}
    found = list(events(studio, **asked))
    assert [event["prompt"] for event in found if event["kind"] == "error"] == [0]
    assert {event["prompt"] for event in found if event["kind"] == "side"} == {1}
