"""Many people do anything at all at the same time: no 500, no hang, no traceback, and all agree on what came of it."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin
from tests.waiting import PATIENCE

PEOPLE, DEEDS = 6, 40
FILE = '{"messages": [{"role": "user", "content": "x"}], "output": ["x", {"rejected": "a", "chosen": "b"}]}'


def deed(client: httpx.Client, dice: random.Random, trace: str) -> httpx.Response:
    """Something that the page can do."""
    at = f"/api/traces/{trace}"
    view = client.get(at).json()
    version, depth = {"version": view["version"]}, dice.randint(0, len(view["tokens"]))
    steer = version | {"depth": depth, "go_on": dice.random() < 0.5}
    places = [branch["goto"] for fork in view["forks"] for branch in fork["branches"]] or [{"span": None, "length": 0}]
    posts: list[tuple[str, dict[str, Any]]] = [
        (f"{at}/write", version),
        (f"{at}/stop", {}),
        (f"{at}/steer", steer | {"action": "correct", "text": dice.choice([" name", "é", "the", ""])}),
        (f"{at}/steer", steer | {"action": "pick", "token": dice.randint(0, 500)}),
        (f"{at}/steer", steer | {"action": dice.choice(["end", "mark"])}),
        (f"{at}/steer", steer | {"action": "write", "text": "hello"}),
        (f"{at}/regenerate", version | {"depth": dice.choice([None, depth])}),
        (f"{at}/{dice.choice(['undo', 'redo'])}", version),
        (f"{at}/goto", version | {"to": dice.choice(places)}),
        (f"{at}/next", {"content": "and", "go_on": False}),
        ("/api/import", {"name": "x", "text": FILE.replace("x", str(dice.randint(0, 9)))}),
        ("/api/train/plan", {"name": "x"}),
        ("/api/models/adapter", {"adapter": None}),
        ("/api/compare", {"left": None, "right": None, "prompts": ["hi"], "max_tokens": 3}),
    ]
    gets = [f"{at}/alternatives?version={view['version']}&depth={depth}", "/api/steers", "/api/facets", "/api/export"]
    path, body = dice.choice(posts)
    kind = dice.random()
    if kind < 0.2:
        return client.get(dice.choice(gets))
    if kind < 0.3:
        return client.patch(f"{at}/steers/{dice.randint(0, 2)}", json={"reason": "x", "aside": dice.random() < 0.5})
    if kind < 0.35:
        return client.patch(at, json={"tags": ["a"], "finished": dice.random() < 0.5})
    return client.post(path, json=body)


@pytest.mark.parametrize("seed", [0, 1])
def test_anything_at_the_same_time(model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int) -> None:
    said: Counter[int] = Counter()
    lost: list[Exception] = []

    def person(number: int) -> None:
        dice = random.Random(f"{seed} {number}")
        how: dict[str, Any] = {"headers": studio.client.headers, "timeout": PATIENCE, "trust_env": False}
        with httpx.Client(base_url=studio.url, **how) as client:
            try:
                for _ in range(DEEDS):
                    said[deed(client, dice, dice.choice(traces)).status_code] += 1
            except Exception as error:  # noqa: BLE001 - the test's thread tells
                lost.append(error)

    with caplog.at_level(logging.WARNING), Running(model, tmp_path / "traces.db") as studio:
        traces = [begin(studio.client, f"go on {n}", max_tokens=30, temperature=1.0, go_on=False) for n in range(3)]
        tabs = [Tab(studio.url, TOKEN, trace).__enter__() for trace in traces]
        people = [threading.Thread(target=person, args=(number,)) for number in range(PEOPLE)]
        for thread in people:
            thread.start()
        for thread in people:
            thread.join(PATIENCE)
        assert not lost
        for trace, tab in zip(traces, tabs, strict=True):
            studio.client.post(f"/api/traces/{trace}/stop", json={})
            now = tab.get()
            tab.wait(lambda tab=tab, now=now: tab.version == now["version"] and tab.trace["run"]["state"] == "idle")
            stored = studio.services.store.get(trace)
            assert tab.ids == [token["id"] for token in now["tokens"]] == stored.answer(stored.head)
            assert not tab.misfits
            tab.close()
        assert not list(studio.services.store.verify())
    assert sum(said.values()) == PEOPLE * DEEDS
    assert set(said) <= {200, 201, 400, 404, 409, 422}, said
    assert "Traceback" not in caplog.text
