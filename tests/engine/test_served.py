"""Seats at an engine elsewhere: who has which slot, and what is read ahead, when, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import Abilities, Reuse, Step
from midcourse.engine.served import PART, Served, ServedSeat
from midcourse.errors import BusyError, EndpointError
from tests.engine.test_desk import until
from tests.waiting import PATIENCE


class Recorder:
    """Writes the next numbers, and notes what it was asked to read, in which slot; `gate` holds what is read ahead."""

    model_name, context_length, source, last_reuse = "numbers", 10_000, "here", Reuse(0, 0)
    tokenizer: Any = SimpleNamespace(end_ids=frozenset())
    abilities = Abilities()

    def __init__(self, slots: int) -> None:
        self.slots, self.slot = slots, -1
        self.asked: list[tuple[str, int, int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fails = False

    def at(self, slot: int) -> Any:
        found = SimpleNamespace(abilities=self.abilities, last_reuse=Reuse(1, 0))
        found.stream = lambda ids, *_, **more: self.write(slot, ids, **more)
        found.prepare = lambda ids: self.read(slot, ids)
        found.next = lambda ids, _: self.look(slot, ids)
        return found

    def write(self, slot: int, ids: Sequence[int], *, max_tokens: int, **_: Any) -> Iterator[Step]:
        self.asked.append(("write", slot, len(ids)))
        for token in range(max_tokens):
            yield Step(token, 0.0, ())

    def read(self, slot: int, ids: Sequence[int]) -> None:
        self.asked.append(("read", slot, len(ids)))
        assert self.gate.wait(PATIENCE)
        if self.fails:
            raise EndpointError("it is away")

    def look(self, slot: int, ids: Sequence[int]) -> Step:
        self.asked.append(("look", slot, len(ids)))
        return Step(1, 0.0, ())

    def close(self) -> None:
        self.gate.set()


@pytest.fixture
def engine() -> Recorder:
    return Recorder(2)


@pytest.fixture
def served(engine: Recorder) -> Iterator[Served]:
    made = Served(engine)  # type: ignore[arg-type]
    yield made
    made.close()
    made.close()


def wrote(seat: ServedSeat, ids: list[int], count: int = 3) -> list[int]:
    return [step.id for step in seat.stream(ids, Sampling(), max_tokens=count)]


def test_a_seat_keeps_its_slot_until_somebody_without_one_needs_it(served: Served, engine: Recorder) -> None:
    one, two, three = (served.seat() for _ in range(3))
    for seat in (one, two, one, two, one, three, one, two):
        wrote(seat, [1, 2])
    assert [slot for _, slot, _ in engine.asked] == [0, 1, 0, 1, 0, 1, 0, 1]  # the one unused for longest goes
    assert (one.slot, two.slot, three.slot) == (0, 1, None)
    served.leave(one)
    wrote(three, [1])
    assert (one.slot, two.slot, three.slot) == (None, 1, 0)


def test_whoever_finds_none_free_waits_in_order(served: Served) -> None:
    holding = [served.seat().stream([1], Sampling(), max_tokens=9) for _ in range(2)]
    for steps in holding:
        next(steps)
    done: list[int] = []

    def write(number: int, seat: ServedSeat) -> None:
        wrote(seat, [1])
        done.append(number)

    threads = []
    for number in range(4):
        threads.append(threading.Thread(target=write, args=(number, served.seat())))
        threads[-1].start()
        until(lambda count=number + 1: len(served._waiting) == count)  # type: ignore[misc]
    cancel = threading.Event()
    late = threading.Thread(target=lambda: list(served.seat().stream([1], Sampling(), max_tokens=1, cancel=cancel)))
    late.start()
    cancel.set()
    late.join(PATIENCE)
    assert not late.is_alive()
    assert done == []
    with pytest.raises(BusyError), served.slot(served.seat(), seconds=0.05):
        pass
    holding[0].close()
    for thread in threads:
        thread.join(PATIENCE)
    assert done == [0, 1, 2, 3]
    holding[1].close()


def test_the_next_turn_takes_the_slot(served: Served) -> None:
    one, two = served.seat(), served.seat()
    wrote(one, [1, 2, 3])
    two.inherit(one)
    assert (one.slot, two.slot, two.held) == (None, 0, [1, 2, 3, 0, 1])


def test_it_is_read_ahead_in_parts_while_nobody_writes(served: Served, engine: Recorder) -> None:
    one, two = served.seat(), served.seat()
    ids = list(range(100, 100 + 2 * PART + 3))
    steps = two.stream([1], Sampling(), max_tokens=9)
    next(steps)
    one.expect(ids)
    next(steps)
    assert engine.asked == [("write", 0, 1)]
    steps.close()
    until(lambda: not served._wishes)
    assert engine.asked[1:] == [("read", 1, PART + 1), ("read", 1, 2 * PART + 1), ("read", 1, len(ids))]
    heard: list[Reuse] = []
    one.reading = heard.append
    wrote(one, [*ids, 5])
    assert heard == [Reuse(len(ids) - 1, 2)]


def test_what_is_wished_for_no_more_is_not_read(served: Served, engine: Recorder) -> None:
    seat = served.seat()
    engine.gate.clear()
    seat.expect(list(range(40)))
    until(lambda: len(engine.asked) == 1)
    seat.expect(list(range(50, 60)))
    seat.expect(list(range(70, 74)))
    engine.gate.set()
    until(lambda: not served._wishes)
    assert engine.asked == [("read", 0, PART + 1), ("read", 0, 4)]
    engine.gate.clear()
    seat.expect(list(range(40)))
    until(lambda: len(engine.asked) == 3)
    seat.expect(None)
    engine.gate.set()
    wrote(seat, [1, 2])  # waits for the part that is under way, and for no more
    assert engine.asked[2:] == [("read", 0, PART + 1), ("write", 0, 2)]


def test_what_cannot_be_read_ahead_is_no_failure(served: Served, engine: Recorder) -> None:
    seat = served.seat()
    engine.fails = True
    seat.expect(list(range(40)))
    until(lambda: not served._wishes)
    assert len(engine.asked) == 1
    assert wrote(seat, [1, 2]) == [0, 1, 2]
