"""A person of many quick decisions, as a client of the API; what the studio acknowledged to them must never be lost."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.studio.browser.listener import Listener
from tests.studio.browser.process import Studio


@dataclass
class Acknowledged:
    """What the studio has said is kept. `texts` are answers that were at rest when they were seen; `last` is the note
    that was asked for last, which is kept or not when the studio was gone before it said so."""

    traces: list[str] = field(default_factory=list)
    steers: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    last: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    texts: list[tuple[str, list[int]]] = field(default_factory=list)
    heads: dict[str, list[int]] = field(default_factory=dict)

    def check(self, studio: Studio) -> None:
        """All of it is on disk, and what is there is sound."""
        studio.sound()
        with studio.store() as store:
            stored = {trace.id: trace for trace in store.all()}
        assert set(self.traces) <= set(stored)
        for (id, number), said in self.steers.items():
            steer = stored[id].steers[number]
            assert (steer.chosen is None) == (said["action"] == "mark"), said
            assert steer.ends == (said["action"] == "end"), said
            notes = (said, said | self.last.get((id, number), {}))
            assert (list(steer.tags), steer.reason) in [(one.get("tags", []), one.get("reason")) for one in notes], said
            if said["action"] == "pick":
                assert steer.chosen is not None
                assert stored[id].run_ids(steer.chosen)[0] == said["token"]
        for id, ids in self.texts:
            trace = stored[id]
            branches = [trace.answer(trace.end_of(span.id)) for span in trace.spans]
            assert not ids or any(branch[: len(ids)] == ids for branch in branches), (id, ids)


class Person:
    """Works on one conversation after the other, until the studio is gone; `seed` decides what they do."""

    def __init__(self, studio: Studio, seed: int) -> None:
        self.studio = studio
        self.random = random.Random(seed)
        self.kept = Acknowledged()
        self.wrong: AssertionError | None = None

    def work(self) -> None:
        """Until there is no answer any more."""
        try:
            with self.studio.new_client() as self.client:
                while True:
                    self._conversation()
        except (httpx.HTTPError, AssertionError) as error:
            if isinstance(error, AssertionError) and "Error(" not in str(error):
                self.wrong = error  # not the end of a connection

    def _ask(self, path: str, body: dict[str, Any], *, refused: bool = False) -> dict[str, Any] | None:
        """What a POST is answered; None where the studio may refuse it (`refused`) and does: somebody was quicker."""
        answered = self.client.post(f"/api{path}", json=body)
        if refused and answered.status_code in (400, 409):
            return None
        assert answered.status_code in (200, 201), answered.text
        found: dict[str, Any] = answered.json()
        return found

    def _conversation(self) -> None:
        content = f"Tell me {self.random.randrange(10**6)} things."
        sampling = {"temperature": 1.0, "seed": self.random.randrange(1000), "max_tokens": 40}
        body = {"messages": [{"role": "user", "content": content}], "sampling": sampling}
        made = self._ask("/traces", body)
        assert made is not None
        id = made["trace"]
        self.kept.traces.append(id)
        with Listener(self.studio, id) as listener:
            for _ in range(self.random.randrange(2, 8)):
                self._step(listener)

    def _step(self, listener: Listener) -> None:
        id = listener.id
        wanted = len(listener.ids) + self.random.randrange(1, 12)
        listener.wait(lambda: len(listener.ids) >= wanted or listener.state == "idle", "some more text")
        if not listener.ids:
            self._ask(f"/traces/{id}/write", {"version": listener.version}, refused=True)
            return
        what = self.random.choice(["correct", "correct", "pick", "end", "mark", "stop", "undo", "regenerate", "note"])
        before = listener.version
        if what == "stop":
            self._ask(f"/traces/{id}/stop", {})
            listener.idle()
            self.kept.texts.append((str(id), list(listener.ids)))
        elif what in ("undo", "regenerate"):
            if self._ask(f"/traces/{id}/{what}", {"version": before}, refused=True):
                listener.wait(lambda: listener.version > before, "the new version")
        elif what == "note":
            mine = [number for trace, number in self.kept.steers if trace == id]
            if mine:
                said = {"reason": f"because {self.random.random()}", "tags": ["seen"]}
                self.kept.last = {(str(id), mine[-1]): said}
                answered = self.client.patch(f"/api/traces/{id}/steers/{mine[-1]}", json=said)
                assert answered.status_code == 200, answered.text
                self.kept.steers[str(id), mine[-1]] |= said
        else:
            self._steer(listener, what)

    def _steer(self, listener: Listener, action: str) -> None:
        depth = self.random.randrange(len(listener.ids))
        said: dict[str, Any] = {"action": action, "depth": depth, "version": listener.version}
        if action == "correct":
            said["text"] = f" correction {self.random.randrange(10**6)}"
        if action == "pick":
            query = {"version": listener.version, "depth": depth}
            asked = self.client.get(f"/api/traces/{listener.id}/alternatives", params=query)
            if asked.status_code == 409:  # it wrote on meanwhile, or ended
                return
            assert asked.status_code == 200, asked.text
            others = [one["id"] for one in asked.json()["alternatives"] if not one["ends"]]
            said["token"] = next(one for one in others if one != listener.ids[depth])
        if self.random.random() < 0.5:
            said |= {"tags": ["quick"], "reason": "it was wrong"}
        done = self._ask(f"/traces/{listener.id}/steer", said, refused=True)
        if done is None:
            return
        assert done["steer"] is not None
        self.kept.steers[str(listener.id), done["steer"]] = said
        listener.wait(lambda: listener.version >= done["version"], "the steer")
