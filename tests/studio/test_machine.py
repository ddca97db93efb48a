"""Any sequence of commands from two tabs keeps every invariant: nothing is lost, and both see what the store holds.

A model that writes all the while, commands for versions that are old by now, restarts in between.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from midcourse.engine.desk import Desk
from midcourse.errors import UserError
from midcourse.store import Store
from midcourse.studio.errors import StaleError
from midcourse.studio.live import Live, commands
from midcourse.studio.live.feed import Listener
from midcourse.studio.live.trace import LiveTrace
from midcourse.studio.schemas.traces import (
    At,
    Goto,
    MessageView,
    NewSteer,
    NewTrace,
    PointView,
    Regenerate,
    SamplingView,
    TraceChange,
    Write,
)
from midcourse.trace import problems
from tests import tiny
from tests.engine import helpers
from tests.studio.tab import Page
from tests.toys import TinyTokenizer

TEXTS = st.sampled_from(["", "a", "name", " the", "x = 1", "\n", "ab", "E"])
PLACES = st.integers(0, 40)
TABS = st.sampled_from([0, 1])


class Watching(Page):
    """A tab in this process, which hears when it wants to."""

    def __init__(self, trace: LiveTrace) -> None:
        super().__init__()

        async def listen() -> Listener:
            return trace.listen()

        self.listener = asyncio.run(listen())
        self.look()

    def look(self) -> None:
        for event in self.listener.take():
            self.hear(event.kind, json.loads(event.json))


class StudioMachine(RuleBasedStateMachine):
    """Two tabs on one trace; `spans` and `steers` are what was acknowledged so far."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[tuple[int, ...]] = []
        self.steers = 0
        self.begun = False
        loaded = dataclasses.replace(helpers.loaded("llama"), tokenizer=TinyTokenizer())  # type: ignore[arg-type]
        self.loaded = loaded

    def open(self) -> None:
        self.desk = Desk(self.loaded).start()
        self.live = Live(self.store, self.desk)

    def watch(self) -> None:
        self.trace = self.live.open(self.id)
        self.tabs = [Watching(self.trace) for _ in range(2)]

    @initialize(temperature=st.sampled_from([0.0, 1.0]), limit=st.sampled_from([3, 200]))
    def begin(self, temperature: float, limit: int) -> None:
        self.open()
        sampling = SamplingView(temperature=temperature, seed=3, max_tokens=limit)
        message = MessageView(role="user", content="go")
        self.id = self.live.start(NewTrace(messages=[message], sampling=sampling)).trace
        self.watch()
        self.begun = True

    def do(self, tab: int, command: Any, asked: Any) -> bool:
        """A command from a tab that may not have heard of the latest; whether it was carried out."""
        before = self.trace.version
        stale = asked.version != before
        try:
            done = command(self.trace, asked)
        except StaleError:
            assert stale, "a command was refused though its version was the present one"
            return False
        except UserError:
            assert not stale
            return False
        assert not stale, "a command for an old version was carried out"
        assert done.version > before
        stored = self.store.get(self.id)
        if done.steer is not None:
            assert stored.steers[done.steer].start <= asked.depth + 1
            assert len(stored.steers) == done.steer + 1
        return True

    @rule(tab=TABS)
    def look(self, tab: int) -> None:
        self.tabs[tab].look()

    @rule(tab=TABS)
    def write(self, tab: int) -> None:
        self.do(tab, commands.write, Write(version=self.tabs[tab].version))

    @rule()
    def stop(self) -> None:
        commands.stop(self.trace)
        assert not self.trace.writing

    @rule(count=st.integers(1, 12))
    def wait(self, count: int) -> None:
        end = len(self.trace.tokens) + count
        while self.trace.writing and len(self.trace.tokens) < end:
            time.sleep(0.001)

    @rule(
        tab=TABS,
        action=st.sampled_from(["correct", "pick", "end", "mark", "write"]),
        depth=PLACES,
        size=st.none() | st.integers(0, 5),
        text=TEXTS,
        token=st.integers(0, tiny.VOCAB - 1),
        ends=st.booleans(),
        go_on=st.booleans(),
    )
    def steer(
        self,
        tab: int,
        action: Any,
        depth: int,
        size: int | None,
        text: str,
        token: int,
        ends: bool,
        go_on: bool,
    ) -> None:
        page = self.tabs[tab]
        depth %= len(page.trace["tokens"]) + 1
        stop = None if size is None else depth + size
        asked = NewSteer(
            version=page.version,
            action=action,
            depth=depth,
            stop=stop,
            text=text,
            token=token,
            ends=ends and action == "correct",
            go_on=go_on,
        )
        before = page.ids[: max(0, depth - 8)]
        if self.do(tab, commands.steer, asked):
            assert self.trace.tokens.ids(len(before)) == before

    @rule(tab=TABS, place=st.none() | PLACES)
    def regenerate(self, tab: int, place: int | None) -> None:
        page = self.tabs[tab]
        depth = None if place is None else place % (len(page.trace["tokens"]) + 1)
        self.do(tab, commands.regenerate, Regenerate(version=page.version, depth=depth))

    @rule(tab=TABS)
    def undo(self, tab: int) -> None:
        self.do(tab, commands.undo, At(version=self.tabs[tab].version))

    @rule(tab=TABS)
    def redo(self, tab: int) -> None:
        self.do(tab, commands.redo, At(version=self.tabs[tab].version))

    @rule(tab=TABS, which=st.integers(0, 20))
    def goto(self, tab: int, which: int) -> None:
        page = self.tabs[tab]
        places = [branch["goto"] for fork in page.trace["forks"] for branch in fork["branches"]]
        places += [steer["goto"] for steer in page.trace["steers"]] + [{"span": None, "length": 0}]
        place = PointView(**places[which % len(places)])
        if self.do(tab, commands.goto, Goto(version=page.version, to=place)):
            assert tuple(self.trace.trace.head) == (place.span, place.length)

    @rule(which=st.integers(0, 20), reason=TEXTS)
    def annotate(self, which: int, reason: str) -> None:
        if not self.steers:
            return
        number = which % self.steers
        self.live.annotate(self.id, number, reason=reason)
        assert self.store.get(self.id).steers[number].reason == reason

    @rule(finished=st.booleans(), tags=st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True))
    def describe(self, finished: bool, tags: list[str]) -> None:
        self.live.change(self.id, TraceChange(finished=finished, tags=tags))
        stored = self.store.get(self.id)
        assert (stored.finished, stored.tags) == (finished, tuple(tags))

    @rule()
    def restart(self) -> None:
        versions = self.trace.version
        self.live.close()
        self.desk.close()
        self.check_settled()
        before = {**self.trace.view().model_dump(mode="json"), "version": 0, "run": 0}
        time.sleep(0.002)  # versions are milliseconds
        self.open()
        self.watch()
        assert self.trace.version > versions
        assert {**self.tabs[0].trace, "version": 0, "run": 0} == before

    @invariant()
    def check(self) -> None:
        if not self.begun:
            return
        stored = self.store.get(self.id)
        assert problems(stored) == []
        assert [span.ids for span in stored.spans][: len(self.spans)] == self.spans, "a span was lost or changed"
        assert len(stored.steers) >= self.steers, "a steer was lost"
        self.spans, self.steers = [span.ids for span in stored.spans], len(stored.steers)
        if not self.trace.writing:
            self.check_settled()

    def check_settled(self) -> None:
        """Nothing is written: the tabs, the server and the store agree."""
        view = self.trace.view().model_dump(mode="json")
        for tab in self.tabs:
            tab.look()
            assert tab.misfits == []
            assert tab.trace == view
        stored = self.store.get(self.id)
        assert stored == self.trace.trace
        assert stored.answer(stored.head) == self.tabs[0].ids

    def teardown(self) -> None:
        if self.begun:
            self.live.close()
            self.desk.close()
            self.check_settled()


def test_any_sequence_of_commands(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'traces.db'}") as store:
        run_state_machine_as_test(
            type("Machine", (StudioMachine,), {"store": store}),
            settings=settings(
                max_examples=25,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
        assert list(store.verify()) == []
