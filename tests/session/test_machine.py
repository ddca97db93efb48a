"""Any sequence of session operations keeps every invariant, loses nothing, and leaves the store as the memory is."""

from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from midcourse.engine.sampling import Sampling
from midcourse.errors import StoreError, UserError
from midcourse.session import Session
from midcourse.store import Store
from midcourse.trace import ROOT, Point, Trace, problems
from midcourse.trace.text import to_bytes
from tests.toys import SPECIAL, ToyEngine, ToyTokenizer

ASK = [{"role": "user", "content": "go"}]
TOK = ToyTokenizer()
TEXTS = st.text(alphabet="ab \n=é🙂中文", max_size=6)
PLACES = st.integers(0, 30)
COUNTS = st.integers(1, 8)


class SessionMachine(RuleBasedStateMachine):
    """One session over one store that all examples share; `known` and `steers` are what was acknowledged so far."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.engine = ToyEngine(context_length=120)
        self.known: list[tuple[int, ...]] = []  # ids of every span that was acknowledged
        self.steers: list[object] = []

    def save(self, trace: Trace) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.store.save(trace)

    @initialize(warm=st.booleans())
    def start(self, warm: bool) -> None:
        self.sampling = Sampling(temperature=1.0 if warm else 0.0, seed=5)
        self.session = Session.start(ASK, self.engine, self.save, sampling=self.sampling)

    @property
    def trace(self) -> Trace:
        return self.session.trace

    def place(self, place: int) -> int:
        return place % (len(self.session.answer()) + 1)

    @rule(count=COUNTS)
    def write(self, count: int) -> None:
        before = self.session.answer()
        with suppress(UserError):
            steps = [step.id for step in self.session.resume(max_tokens=count)]
            assert self.session.answer() == before + steps

    @rule(count=COUNTS)
    def write_and_leave(self, count: int) -> None:
        with suppress(UserError):
            for _ in zip(range(count), self.session.resume(), strict=False):
                pass

    @rule(count=COUNTS, place=st.none() | PLACES)
    def regenerate(self, count: int, place: int | None) -> None:
        with suppress(UserError):
            depth = None if place is None else self.place(place)
            before = self.session.answer()
            list(self.session.regenerate(depth, max_tokens=count))
            assert depth is None or self.session.answer()[:depth] == before[:depth]

    @rule(text=TEXTS, place=st.none() | PLACES, end=st.booleans())
    def steer_at_a_token(self, text: str, place: int | None, end: bool) -> None:
        with suppress(UserError):
            self.session.steer(text, depth=None if place is None else self.place(place), end=end)

    @rule(text=TEXTS, place=st.integers(0, 60), end=st.booleans())
    def steer_at_a_byte(self, text: str, place: int, end: bool) -> None:
        answer = to_bytes(TOK, self.session.answer())
        byte = place % (len(answer) + 1)
        with suppress(UserError):
            self.session.steer(text, byte=byte, end=end)
            now = to_bytes(TOK, self.session.answer())
            assert now.startswith(answer[: max(0, byte - 3)])  # a place inside a character is before it
            assert now.endswith(text.encode())

    @rule(token=st.integers(0, TOK.size - 1), place=PLACES)
    def pick(self, token: int, place: int) -> None:
        with suppress(UserError):
            self.session.pick(token, self.place(place))
            assert self.session.answer()[-1] == token

    @rule(place=PLACES, size=st.none() | COUNTS)
    def mark(self, place: int, size: int | None) -> None:
        start = self.place(place)
        head = self.session.answer()
        with suppress(UserError):
            self.session.mark(start, None if size is None else start + size)
        assert self.session.answer() == head

    @rule(place=st.none() | PLACES)
    def end_here(self, place: int | None) -> None:
        with suppress(UserError):
            self.session.end_here(None if place is None else self.place(place))
            assert self.session.ended

    @rule()
    def undo_and_redo(self) -> None:
        if self.trace.finished:
            return
        self.session.stop()
        head, history = self.trace.head, list(self.trace.history)
        if self.session.undo():
            assert self.session.redo()
            assert (self.trace.head, self.trace.history) == (head, history)

    @rule()
    def undo(self) -> None:
        with suppress(UserError):
            self.session.undo()

    @rule()
    def redo(self) -> None:
        with suppress(UserError):
            self.session.redo()

    @rule(place=PLACES)
    def back(self, place: int) -> None:
        with suppress(UserError):
            self.session.branch(self.place(place))

    @rule(data=st.data())
    def branch(self, data: st.DataObject) -> None:
        points = [ROOT] + [
            Point(span.id, length) for span in self.trace.spans for length in range(1, len(span.ids) + 1)
        ]
        point = data.draw(st.sampled_from(points))
        with suppress(UserError):
            self.session.branch(point)
            assert self.trace.head == point

    @rule()
    def finish(self) -> None:
        with suppress(UserError):
            self.session.finish()

    @rule()
    def unfinish(self) -> None:
        self.session.unfinish()

    @precondition(lambda self: self.trace.finished)
    @rule()
    def next_turn(self) -> None:
        with suppress(UserError):
            following = self.session.next_turn("more")
            assert following.trace.messages[-2]["content"] == self.session.text()
            self.check()
            self.session, self.known, self.steers = following, [], []

    @rule()
    def reopen(self) -> None:
        self.session.stop()
        self.session = Session(self.store.get(self.trace.id), self.engine, self.save, sampling=self.sampling)

    @rule(text=TEXTS.filter(bool), place=PLACES)
    def a_full_disk(self, text: str, place: int) -> None:
        self.session.stop()
        before = copy.deepcopy(self.trace)
        self.full = True
        try:
            with pytest.raises((StoreError, UserError)):
                self.session.steer(text, depth=self.place(place))
        finally:
            self.full = False
        assert self.trace == before

    @invariant()
    def check(self) -> None:
        if not hasattr(self, "session"):
            return
        self.session.stop()
        trace = self.trace
        assert problems(trace) == []
        assert [span.ids for span in trace.spans][: len(self.known)] == self.known, "a span was lost or changed"
        assert trace.steers[: len(self.steers)] == self.steers, "a steer was lost or changed"
        self.known, self.steers = [span.ids for span in trace.spans], list(trace.steers)
        assert self.store.get(trace.id) == trace
        assert not self.engine.open
        assert all(SPECIAL not in span.ids for span in trace.spans if span.source == "human" and len(span.ids) > 1)


def test_any_sequence_of_operations(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'traces.db'}") as store:
        run_state_machine_as_test(
            type("Machine", (SessionMachine,), {"store": store}),
            settings=settings(
                max_examples=40,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
        assert list(store.verify()) == []
