"""Where to look: a predictor beside the model reads an answer that is at rest, once, and never at the desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midcourse.attributes.predictors.load import load
from midcourse.errors import UserError
from midcourse.studio import proposals
from midcourse.trace.text import to_text
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin


@pytest.fixture
def looking(model: Path, predictor: Path, tmp_path: Path) -> Iterator[Running]:
    """A studio with a predictor."""
    with Running(model, tmp_path / "traces.db", predictor=str(predictor)) as running:
        yield running


def ask(studio: Running, tab: Tab) -> dict[str, Any]:
    query = {"version": tab.version}
    return dict(studio.client.get(f"/api/traces/{tab.watched}/proposals", params=query).raise_for_status().json())


def test_the_predictor_is_shown(looking: Running, studio: Running) -> None:
    found = looking.client.get("/api/models").json()["predictor"]
    assert [one["name"] for one in found["attributes"]] == ["length", "cheer"]
    assert any("length, cheer" in line for line in looking.said)
    assert studio.client.get("/api/models").json()["predictor"] is None


def test_where_an_attribute_falls(looking: Running, predictor: Path) -> None:
    id = begin(looking.client, max_tokens=60, temperature=1.0, seed=3)
    with Tab(looking.url, TOKEN, id) as tab:
        tab.wait_idle()
        found = ask(looking, tab)
        count = len(tab.ids)
        assert found["version"] == tab.version
        assert 0 < len(found["proposals"]) <= max(proposals.LEAST, count // proposals.SHARE)
        depths = [one["depth"] for one in found["proposals"]]
        assert depths == sorted(depths)
        assert all(0 <= depth < count for depth in depths)
        assert {one["attribute"] for one in found["proposals"]} <= {"cheer", None}  # length is neither better nor worse
        assert all((one["drop"] > 0) == (one["attribute"] is not None) for one in found["proposals"])
        assert "cheer" in {one["attribute"] for one in found["proposals"]}
        messages = [{"role": "user", "content": "go on"}]
        text = to_text(looking.services.loaded.tokenizer, tab.ids)
        dense = load(str(predictor)).dense([*messages, {"role": "assistant", "content": text}])  # type: ignore[attr-defined]
        assert found["values"] == pytest.approx({name: along[-1] for name, along in dense.values.items()}, abs=1e-4)
        assert ask(looking, tab) == found


def test_what_stands_up_to_the_last_steer_is_not_proposed_again(looking: Running) -> None:
    id = begin(looking.client, max_tokens=40, temperature=1.0)
    with Tab(looking.url, TOKEN, id) as tab:
        tab.wait_idle()
        depth = ask(looking, tab)["proposals"][0]["depth"] + 1
        tab.post(
            "steer", action="correct", depth=depth, text=" the winter in the north is cold, and long!", go_on=False
        )
        assert ask(looking, tab)["proposals"] == []
        tab.post("write")
        tab.wait_idle()
        sources = [token["source"] for token in tab.trace["tokens"]]
        steered = len(sources) - 1 - sources[::-1].index("human")
        depths = [one["depth"] for one in ask(looking, tab)["proposals"]]
        assert depths
        assert min(depths) > steered >= depth


def test_nothing_written_is_nothing_to_look_at(looking: Running) -> None:
    id = begin(looking.client, go_on=False)
    with Tab(looking.url, TOKEN, id) as tab:
        assert ask(looking, tab) == {"version": tab.version, "proposals": [], "values": {}}


def test_another_version_is_refused(looking: Running, studio: Running) -> None:
    id = begin(looking.client, max_tokens=4)
    with Tab(looking.url, TOKEN, id) as tab:
        tab.wait_idle()
        answer = looking.client.get(f"/api/traces/{id}/proposals", params={"version": tab.version - 1})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale")
    other = begin(studio.client, go_on=False)
    answer = studio.client.get(f"/api/traces/{other}/proposals", params={"version": 0})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "missing")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere", "there is no predictor 'nowhere'"),
        ("judge:http://127.0.0.1:9/v1#x", "rates whole answers"),
        ("generative:bundled", "rates whole answers"),
    ],
)
def test_what_is_no_predictor_for_a_studio(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        proposals.load(spec)
