"""The server is killed (SIGKILL) at random moments while somebody steers over HTTP: nothing acknowledged is lost."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from midcourse.trace import problems
from tests.studio.browser.process import Studio
from tests.studio.tab import Tab, begin
from tests.waiting import PATIENCE

KILLS = 2


class Steerer:
    """Steers a conversation as quickly as it can, and remembers what was acknowledged."""

    def __init__(self, studio: Studio, trace: str, seed: int) -> None:
        self.tab = Tab(studio.origin, token(studio), trace)
        self.dice = random.Random(seed)
        self.steers: list[tuple[int, str]] = []  # number and reason
        self.heads: list[tuple[str, int]] = []  # what was done last, and how long the answer was then
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.over = False

    def run(self) -> None:
        with suppress(httpx.HTTPError, AssertionError):
            while not self.over:
                self.step()

    def step(self) -> None:
        tab = self.tab
        tokens = len(tab.trace["tokens"])
        seen = len(tab.events)
        reason = f"reason {self.dice.random()}"
        body: dict[str, Any] = {"version": tab.version, "depth": self.dice.randrange(tokens + 1), "reason": reason}
        match self.dice.randrange(4):
            case 0:
                body |= {"action": "mark", "depth": 0, "stop": max(1, tokens // 2), "go_on": True}
            case 1:
                body |= {"action": "pick", "token": self.dice.randrange(5, 200)}
            case _:
                body |= {"action": "correct", "text": f" word {self.dice.randrange(99)}"}
        answer = tab.client.post(f"/api/traces/{tab.watched}/steer", json=body)
        if answer.status_code == 200:
            self.steers.append((answer.json()["steer"], reason))
        until = time.monotonic() + self.dice.random() * 0.3
        with suppress(AssertionError):
            tab.wait(lambda: time.monotonic() > until or len(tab.events) > seen + 20, 1)


def token(studio: Studio) -> str:
    return studio.headers["Authorization"].removeprefix("Bearer ")


def test_killed_at_random_moments(model: Path, tmp_path: Path) -> None:
    dice = random.Random(5)
    with Studio(model, tmp_path) as studio:
        ids = [begin(studio.client, f"say {n}", max_tokens=300, temperature=0.8) for n in range(2)]
        known: dict[str, list[tuple[int, str]]] = {id: [] for id in ids}
        for kill in range(KILLS):
            steerers = [Steerer(studio, id, kill) for id in ids]
            for steerer in steerers:
                steerer.tab.__enter__()
                steerer.thread.start()
            goal = dice.randrange(3, 12)
            limit = time.monotonic() + PATIENCE
            while sum(len(steerer.steers) for steerer in steerers) < goal:
                assert time.monotonic() < limit, "nobody could steer"
                time.sleep(0.002)
            time.sleep(dice.random() * 0.1)  # anywhere within what is going on just then
            studio.kill()
            for steerer in steerers:
                steerer.over = True
                steerer.thread.join(PATIENCE)
                steerer.tab.close()
            with studio.store() as store:
                assert list(store.verify()) == []
                for steerer in steerers:
                    id = str(steerer.tab.watched)
                    known[id] += steerer.steers
                    trace = store.get(id)
                    assert problems(trace) == []
                    for number, reason in known[id]:
                        assert trace.steers[number].reason == reason, "an acknowledged steer was lost"
            studio.start()
        for id in ids:
            with Tab(studio.origin, token(studio), id) as tab:
                assert len(tab.trace["steers"]) >= len(known[id])
                tab.post("steer", action="write", depth=0, text="so", go_on=True)
                tab.wait(lambda tab=tab: len(tab.trace["tokens"]) > 3)  # type: ignore[misc]
                assert tab.misfits == []
