"""Steers in a table: found, annotated and set aside, also while the model writes; what there is to filter by."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from midcourse.learn.items import examples
from midcourse.models import Loaded
from tests.store.samples import make, read
from tests.store.test_filters import varied
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin


def get(studio: Running, path: str, **query: Any) -> Any:
    response = studio.client.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def patch(studio: Running, trace: str, number: int, **change: Any) -> Any:
    response = studio.client.patch(f"/api/traces/{trace}/steers/{number}", json=change)
    assert response.status_code == 200, response.text
    return response.json()


def test_pages_and_their_filters(studio: Running) -> None:
    store = studio.services.store
    store.add(varied(), read)
    rows, after, totals = [], None, []
    while True:
        page = get(studio, "/api/steers", limit=7, **({"after": after} if after else {}))
        rows += page["rows"]
        totals.append(page["total"])
        after = page["next"]
        if after is None:
            break
    every = store.steers(limit=1000).rows
    assert [(row["trace"], row["number"]) for row in rows] == [(row.trace, row.steer) for row in every]
    assert totals == [len(every)] + [None] * (len(totals) - 1)
    assert rows[0].keys() == {
        "trace", "number", "title", "kind", "context", "chosen", "rejected", "ends", "abandoned", "reason", "tags",
        "serves", "weight", "aside", "author", "created",
    }  # fmt: skip
    for query in (
        {"text": "UV"}, {"tag": "odd"}, {"author": "bob"}, {"trace": "11"}, {"kind": "mark"}, {"aside": True},
        {"abandoned": True}, {"trace_tag": "tag 1"}, {"attribute": "humour:2..3"}, {"model": "m1", "aside": False},
        {"serves": "help"},
    ):  # fmt: skip
        found = store.steers(limit=1000, total=True, **query)  # type: ignore[arg-type]
        page = get(studio, "/api/steers", limit=1000, **query)
        assert page["total"] == found.total == len(page["rows"]) <= len(every)
        assert [(row["trace"], row["number"]) for row in page["rows"]] == [(row.trace, row.steer) for row in found.rows]


def test_what_there_is_to_filter_by(studio: Running) -> None:
    studio.services.store.add(varied(), read)
    found = get(studio, "/api/facets")
    assert found["store"] == studio.services.store.name
    assert found["trace_tags"][0] == {"value": "all", "count": 24}
    assert {facet["value"] for facet in found["attributes"]} == {"humour", "help"}
    assert {facet["value"] for facet in found["serves"]} == {"humour", "help"}
    assert {facet["value"] for facet in found["authors"]} == {"ada", "bob"}
    assert (found["traces"], len(found["models"])) == (24, 2)
    for query in ({"attribute": "humour:3.."}, {"author": "eve"}, {"model": "m1"}):
        ids = [row.id for row in studio.services.store.traces(limit=200, **query).rows]  # type: ignore[arg-type]
        assert [row["id"] for row in get(studio, "/api/traces", limit=200, **query)["rows"]] == ids


def test_a_steer_is_annotated_and_set_aside(studio: Running) -> None:
    id = begin(studio.client, max_tokens=8)
    with Tab(studio.url, TOKEN, id) as one:
        one.wait_idle()
        one.post(
            "steer", action="correct", depth=2, text=" right", go_on=False, reason="so", tags=["a"], serves=["wit"]
        )
        assert one.trace["steers"][0]["serves"] == ["wit"]
        done = patch(
            studio, id, 0, reason="", tags=["b", "b", "c"], weight=2, aside=True, serves=["wit", "wit", "help"]
        )
        one.wait(lambda: bool(one.trace["steers"][0]["aside"]))
        assert one.version == done["version"]
        [row] = get(studio, "/api/steers", aside=True)["rows"]
        assert (row["reason"], row["tags"], row["weight"]) == (None, ["b", "c"], 2)
        assert row["serves"] == ["wit", "help"]
        stored = studio.services.store.get(id)
        assert examples([stored]) == []
        patch(studio, id, 0, aside=False)
        stored = studio.services.store.get(id)
        assert (stored.steers[0].tags, stored.steers[0].weight, stored.steers[0].aside) == (("b", "c"), 2, False)
        assert len(examples([stored])) == 1
        one.post("undo")
        assert [row["abandoned"] for row in get(studio, "/api/steers")["rows"]] == [True]
        one.post("redo")
        assert [row["abandoned"] for row in get(studio, "/api/steers")["rows"]] == [False]
        assert one.misfits == []


def test_what_another_model_wrote_can_be_reviewed(studio: Running) -> None:
    studio.services.store.add([make("foreign")], read)
    patch(studio, "foreign", 1, aside=True, reason="why")
    steer = studio.services.store.get("foreign").steers[1]
    assert (steer.aside, steer.reason) == (True, "why")


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        ("none/steers/0", {}, 404),
        ("a/steers/2", {"aside": True}, 404),
        ("a/steers/-1", {"aside": True}, 404),
        ("a/steers/x", {"aside": True}, 422),
        ("a/steers/0", {"weight": -1}, 422),
        ("a/steers/0", {"chosen": "x"}, 422),
        ("a/steers/0", {"aside": "yes"}, 422),
        ("a/steers/0", {"serves": [""]}, 422),
    ],
)
def test_what_cannot_be_changed(studio: Running, path: str, change: dict[str, Any], status: int) -> None:
    studio.services.store.add([make("a")], read)
    response = studio.client.patch(f"/api/traces/{path}", json=change)
    assert response.status_code == status
    assert response.json()["error"]["message"]
    assert studio.services.store.get("a") == make("a")


@pytest.mark.parametrize("query", [{"after": "x"}, {"limit": 0}, {"kind": "x"}, {"attribute": "a:1..1.1.1"}])
def test_what_cannot_be_asked(studio: Running, query: dict[str, Any]) -> None:
    response = studio.client.get("/api/steers", params=query)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "input")


def test_notes_while_the_model_writes_and_a_person_steers(studio: Running) -> None:
    """Four threads annotate while tokens stream and steers are made: no save is refused, and nothing is lost."""

    def endless(loaded: Loaded) -> None:
        with torch.no_grad():
            loaded.model.lm_head.weight[sorted(loaded.tokenizer.end_ids)] = 0

    studio.desk.exclusive(endless)
    id = begin(studio.client, max_tokens=2000)
    failed: list[str] = []

    def note(number: int) -> None:
        for step in range(12):
            said = {"reason": f"{number} {step}", "weight": float(step), "tags": [f"t{step}"]}
            response = studio.client.patch(f"/api/traces/{id}/steers/0", json=said)
            if response.status_code != 200:
                failed.append(response.text)

    with Tab(studio.url, TOKEN, id) as one:
        one.wait(lambda: len(one.ids) > 12)
        one.post("stop")
        one.post("steer", action="correct", depth=3, text=" no", go_on=True)
        threads = [threading.Thread(target=note, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for depth in (5, 7, 9):
            one.wait(lambda depth=depth: len(one.ids) > depth + 2)  # type: ignore[misc]
            steer = {"action": "correct", "depth": depth, "text": f" {depth}"}
            while True:  # a note that came just before makes a command stale, as any change does
                response = studio.client.post(
                    f"/api/traces/{id}/steer", json={**steer, "version": one.get()["version"]}
                )
                if response.status_code != 409:
                    break
            assert response.status_code == 200, response.text
            made = response.json()["version"]
            one.wait(lambda made=made: one.version >= made)  # type: ignore[misc]
        for thread in threads:
            thread.join()
        one.post("stop")
        one.wait_idle()
        assert failed == []
        stored = studio.services.store.get(id)
        assert stored.answer(stored.head) == one.ids
        assert len(stored.steers) == 4
        assert (stored.steers[0].weight, stored.steers[0].tags) == (11, ("t11",))
        one.wait(lambda: one.trace["steers"][0]["reason"] == stored.steers[0].reason)
        assert one.misfits == []
    assert list(studio.services.store.verify()) == []
