"""The desk: turns are shared, what is interleaved is what is alone, budgets hold, failures stay where they are."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from midcourse.engine import desk as desk_module
from midcourse.engine.context import Reuse
from midcourse.engine.desk import Desk
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.engine.seats import Seat, shares
from midcourse.engine.turns import Around, Gone, Mixed, Part
from midcourse.errors import BusyError, ModelError
from tests import tiny
from tests.engine import helpers
from tests.engine.helpers import END
from tests.waiting import PATIENCE

WARM = Sampling(temperature=0.9, top_p=0.95, seed=5)


@contextmanager
def desk(name: str = "llama", memory: int | None = None) -> Iterator[Desk]:
    made = Desk(helpers.loaded(name, ends=frozenset()), memory=memory).start()
    try:
        yield made
    finally:
        made.close()


def write(seat: Seat, ids: list[int], count: int, sampling: Sampling, times: list[float] | None = None) -> list[int]:
    found = []
    for step in seat.stream(ids, sampling, max_tokens=count, top=0):
        found.append(step.id)
        if times is not None:
            times.append(time.monotonic())
    return found


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk waits for all who are about to ask, though a busy machine lets their threads be late."""
    monkeypatch.setattr(Desk, "_moment", property(lambda _: 0.5, lambda *_: None), raising=False)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("name", tiny.MODELS)
def test_interleaved_is_alone(name: str) -> None:
    """Ten answers at the same time have the ids that they have one after the other."""
    count = 5 if name in tiny.RECURRENT else 10
    prompts = [tiny.ids(9 + 7 * n, seed=n) for n in range(count)]
    samplings = [dataclasses.replace(WARM, seed=n) if n % 2 else Sampling() for n in range(count)]
    alone = TransformersEngine(helpers.loaded(name, ends=frozenset()))
    expected = [
        [step.id for step in alone.stream(ids, sampling, max_tokens=25, top=0)]
        for ids, sampling in zip(prompts, samplings, strict=True)
    ]
    with desk(name) as made:
        found: dict[int, list[int]] = {}
        times: list[list[float]] = [[] for _ in prompts]
        together = threading.Barrier(count)

        def run(n: int) -> None:
            seat = made.seat()
            together.wait()
            found[n] = write(seat, prompts[n], 25, samplings[n], times[n])

        threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert [found[n] for n in range(count)] == expected
    first, last = max(row[0] for row in times), min(row[-1] for row in times)
    counts = [sum(first <= now <= last for now in row) for row in times]
    assert max(counts) - min(counts) <= 8, "some were served more often than others"


@pytest.mark.parametrize("name", ["llama", "gemma3", "mamba"])
def test_guidance_among_others_is_guidance_alone(name: str) -> None:
    """Some answers are asked for something, others not, and all of them are written at the same time."""
    prompts = [tiny.ids(9 + 7 * n, seed=n) for n in range(5)]
    plain = [ids[3:] if n % 2 else [*ids[:8], 5] for n, ids in enumerate(prompts)]
    samplings = [dataclasses.replace(WARM, seed=n, guidance=(1.0, 2.5, 0.5)[n % 3]) for n in range(5)]
    alone = TransformersEngine(helpers.loaded(name, ends=frozenset()))
    expected = [
        [step.id for step in alone.stream(prompts[n], samplings[n], max_tokens=12, top=0, neutral=plain[n])]
        for n in range(5)
    ]
    with desk(name) as made:
        found: dict[int, list[int]] = {}

        def run(n: int) -> None:
            steps = made.seat().stream(prompts[n], samplings[n], max_tokens=12, top=0, neutral=plain[n])
            found[n] = [step.id for step in steps]

        threads = [threading.Thread(target=run, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert [found[n] for n in range(5)] == expected


@pytest.mark.parametrize("switched", [False, True])
def test_guidance_takes_one_pass_a_token_whatever_is_switched_around_it(switched: bool) -> None:
    with desk() as made:
        turns: list[int] = []
        seat = made.seat((lambda: _noted(turns, 0)) if switched else None)
        strong = Sampling(guidance=2.0)
        list(seat.stream(tiny.ids(20), strong, max_tokens=2, neutral=tiny.ids(15, seed=1)))
        before, was = made.passes, len(turns)
        ids, plain = tiny.ids(20), tiny.ids(15, seed=1)
        found = [step.id for step in seat.stream(ids, strong, max_tokens=9, neutral=plain)]
        assert made.passes - before <= 10
        assert len(turns) - was == (made.passes - before if switched else 0)
        corrected = [*found[:4], 7, 8, 9]
        before = made.passes
        list(seat.stream([*ids, *corrected], strong, max_tokens=1, neutral=[*plain, *corrected]))
        assert made.passes - before == 1
        assert seat.last_reuse == Reuse(24, 3)


def test_a_steer_feeds_the_correction_only_whoever_writes_in_between() -> None:
    with desk() as made:
        one, two = made.seat(), made.seat()
        prompt = tiny.ids(30)
        answer = write(one, prompt, 12, Sampling())
        write(two, tiny.ids(20, seed=3), 5, Sampling())
        correction = [(answer[4] + 1) % tiny.VOCAB, 7, 8]
        told: list[Reuse] = []
        one.reading = told.append
        write(one, [*prompt, *answer[:4], *correction], 1, Sampling())
        assert told == [one.last_reuse] == [Reuse(34, 3)]


@pytest.mark.usefixtures("patient")
def test_those_who_share_an_adapter_share_a_pass() -> None:
    """Six write, three with each of two adapters: nobody has a pass alone for long, and every pass is switched once."""
    with desk() as made:
        turns: list[int] = []
        arounds = [lambda n=n: _noted(turns, n) for n in range(2)]  # type: ignore[misc]
        begun = threading.Barrier(6)

        def run(n: int) -> None:
            seat = made.seat(arounds[n % 2])
            write(seat, tiny.ids(20, seed=n), 1, Sampling())
            begun.wait()
            write(seat, tiny.ids(20, seed=n), 30, Sampling())

        threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(turns) < 6 * 30 * 0.6  # one by one it would be 180
        assert set(turns) == {0, 1}


class _Beside(Mixed):
    """Joins its like, and notes who was in each pass."""

    def __init__(self, passes: list[set[Around]]) -> None:
        self.passes = passes

    def __call__(self) -> AbstractContextManager[None]:
        return self.together([(self, 1)])

    def joins(self, other: Around | None) -> bool:
        return isinstance(other, _Beside)

    @contextmanager
    def together(self, parts: Sequence[tuple[Around, int]]) -> Iterator[None]:
        assert all(width > 0 for _, width in parts)
        self.passes.append({around for around, _ in parts})
        yield


@pytest.mark.usefixtures("patient")
def test_those_who_join_share_a_pass_and_others_do_not() -> None:
    """Six write, two with each of three around: two of these share passes, and each hears with whom."""
    with desk() as made:
        passes: list[set[Around]] = []
        others: list[int] = []
        left, right = _Beside(passes), _Beside(passes)
        arounds: list[Around] = [left, right, lambda: _noted(others, 0)]
        alone = [write(made.seat(), tiny.ids(20, seed=n), 31, Sampling()) for n in range(6)]
        begun, found = threading.Barrier(6), {}

        def run(n: int) -> None:
            seat = made.seat(arounds[n % 3])
            begun.wait()
            found[n] = write(seat, tiny.ids(20, seed=n), 31, Sampling())

        threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [found[n] for n in range(6)] == alone
        assert {left, right} in passes
        assert len(others) >= 31


def test_what_is_read_ahead_is_told_as_read() -> None:
    with desk() as made:
        seat = made.seat()
        prompt = tiny.ids(30)
        seat.prepare(prompt)
        expected = write(made.seat(), prompt, 5, Sampling())
        assert write(seat, prompt, 5, Sampling()) == expected
        assert seat.last_reuse == Reuse(0, 30)
        write(seat, [*prompt, *expected], 1, Sampling())
        assert seat.last_reuse == Reuse(34, 1)


def test_what_is_expected_is_read_when_nobody_writes() -> None:
    """And only as long as it is expected; whoever goes on from it reads the rest."""
    ids = tiny.ids(40)
    with desk() as made:
        writer, seat = made.seat(), made.seat()
        steps = writer.stream(tiny.ids(5, seed=1), Sampling(), max_tokens=9, top=0)
        next(steps)
        seat.expect(ids[:30])
        next(steps)
        assert seat.alternatives(ids[:3], 2)  # a turn of its own, which comes first
        assert seat.context.ids == ids[:3]
        steps.close()
        until(lambda: seat.context.ids == ids[:30])
        seat.expect([*ids[:30], 7, 8])
        seat.expect(ids[:35])
        until(lambda: seat.context.ids == ids[:35])
        next(steps := writer.stream(tiny.ids(5, seed=1), Sampling(), max_tokens=9, top=0))
        seat.expect(ids)
        seat.expect(None)
        steps.close()
        assert write(seat, ids, 3, Sampling()) == write(made.seat(), ids, 3, Sampling())
        assert seat.last_reuse == Reuse(35, 5)


def until(so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.002)


def test_what_another_turn_has_read_is_not_read_again() -> None:
    """Reading ahead and going on are two turns for the same tokens, and whichever is first has read them."""
    with desk() as made:
        seat, ids = made.seat(), tiny.ids(12)
        write(seat, ids[:8], 1, Sampling())  # then a few more tokens are all that is missing
        part = Part(seat.context, ids, None)

        def twice() -> Generator[None, None, None]:
            made.seats.read(part, few=True)
            made.seats.read(part, few=True)
            yield

        made.do(twice())
        assert seat.context.ids == ids


def test_a_long_prompt_holds_nobody_up() -> None:
    """It is read bit by bit: between two parts of it, everybody else who waits has a turn."""
    with desk() as made:
        made.seats.pace.size = made.seats.pace.MOST = 16  # type: ignore[misc]
        turns: list[int] = []
        seats = [made.seat(lambda n=n: _noted(turns, n)) for n in range(3)]  # type: ignore[misc]
        held = threading.Event()
        first = made.begin(_waits(held))
        for n, seat in enumerate(seats):
            seat.prepare(tiny.ids(240, seed=n))
        held.set()
        last = made.begin(_waits(held))
        for turn in (first, last):
            assert turn.done.wait(PATIENCE)
        while made.waiting or len(turns) < 3 * 13:
            time.sleep(0.001)
        assert turns == [0, 1, 2] * (len(turns) // 3)


@pytest.mark.usefixtures("patient")
def test_prompts_are_read_beside_who_writes() -> None:
    """A pass takes a token of who writes and a part of each prompt that is read: nobody waits for anybody."""
    with desk() as made:
        made.seats.pace.size = made.seats.pace.MOST = 64  # type: ignore[misc]
        writer, readers = made.seat(), [made.seat() for _ in range(3)]
        list(writer.stream(tiny.ids(20), Sampling(), max_tokens=1))
        held = threading.Event()
        made.begin(_waits(held))
        before, lengths = made.passes, (200, 9, 160)
        for seat, length in zip(readers, lengths, strict=True):
            seat.prepare(tiny.ids(length, seed=length))
        writing = threading.Thread(target=write, args=(writer, tiny.ids(20), 16, Sampling()))
        writing.start()
        while made.waiting < 4:
            time.sleep(0.001)
        held.set()
        writing.join(PATIENCE)
        while made.waiting:
            time.sleep(0.001)
        made.do(_waits(held))
        assert [seat.context.ids for seat in readers] == [tiny.ids(length, seed=length) for length in lengths]
        assert made.passes - before <= 20  # for 16 tokens and 369 of prompts; one after the other it would be 23


def test_a_short_prompt_does_not_wait_for_long_ones() -> None:
    assert shares([1, 500, 1, 20, 300], 64) == [1, 33, 1, 20, 14]
    assert shares([1, 11, 11, 11, 11], 20) == [1, 11, 11, 1, 1]
    assert shares([1, 1, 1], 0) == [1, 1, 1]
    assert shares([3, 4], 64) == [3, 4]
    assert shares([400, 4], 64) == [62, 4]


def _waits(event: threading.Event) -> Generator[None, None, None]:
    event.wait(PATIENCE)
    yield


@contextmanager
def _noted(turns: list[int], name: int) -> Iterator[None]:
    turns.append(name)
    yield


def test_what_was_used_longest_ago_is_dropped() -> None:
    with desk() as made:
        seats = [made.seat() for _ in range(4)]
        write(seats[0], tiny.ids(20), 2, Sampling())
        made.seats.memory = made.seats.held * 2
        for seat in seats[1:]:
            write(seat, tiny.ids(20), 2, Sampling())
        assert [bool(seat.context.slots) for seat in seats] == [False, False, True, True]
        again = write(seats[0], tiny.ids(20), 2, Sampling())
        assert seats[0].last_reuse == Reuse(0, 20)
        assert again == write(seats[3], tiny.ids(20), 2, Sampling())


def test_a_change_of_the_weights_is_between_two_turns() -> None:
    with desk() as made:
        seat = made.seat()
        stream = seat.stream(tiny.ids(9), Sampling(), max_tokens=50, top=0)
        for _ in range(5):
            next(stream)
        assert made.exclusive(lambda loaded: (loaded.changed(), threading.current_thread().name)[1]) == "desk"
        assert seat.context.slots == 0
        assert len(list(stream)) == 45
        with pytest.raises(ModelError, match=r"busy \(the desk\)"), made.loaded.owner("training"):
            pass


def test_cancelled_before_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow() -> Generator[None, None, None]:
        held.wait(PATIENCE)
        yield

    with desk() as made:
        held, cancel = threading.Event(), threading.Event()
        first = threading.Thread(target=made.do, args=(slow(),))
        first.start()
        gone: list[bool] = []

        def ask() -> None:
            try:
                made.do(slow(), cancel)
            except Gone:
                gone.append(True)

        second = threading.Thread(target=ask)
        second.start()
        while not made.waiting:
            time.sleep(0.001)
        with pytest.raises(BusyError, match="the model is busy"):
            made.do(slow(), seconds=0.01)
        monkeypatch.setattr(desk_module, "MOST_WAITING", 1)
        with pytest.raises(BusyError):
            made.do(slow())
        cancel.set()
        held.set()
        first.join(PATIENCE)
        second.join(PATIENCE)
        assert gone == [True]
    with pytest.raises(Gone):
        made.do(slow())


def test_a_turn_that_fails_fails_its_asker_alone() -> None:
    def broken() -> Generator[None, None, None]:
        yield
        raise ZeroDivisionError("so")

    with desk() as made:
        with pytest.raises(ModelError, match="ZeroDivisionError: so"):
            made.do(broken())
        with pytest.raises(ModelError, match="run out of memory"):
            made.do(_raises(MemoryError()))
        assert len(write(made.seat(), tiny.ids(5), 3, Sampling())) == 3


def _raises(error: Exception) -> Generator[None, None, None]:
    yield
    raise error


@pytest.mark.parametrize("name", ["llama", "gemma3", "mamba"])
def test_looking_leaves_what_was_read(name: str) -> None:
    fresh = TransformersEngine(helpers.loaded(name))
    with desk(name) as made:
        seat = made.seat()
        ids = [*tiny.ids(40), *write(seat, tiny.ids(40), 8, Sampling())]
        before = list(seat.context.ids)
        for length in (48, 47, 30, 1):
            found = seat.alternatives(ids[:length], 10)
            expected = fresh.next(ids[:length], 10).top
            assert [one.id for one in found] == [one.id for one in expected]
            assert [one.logprob for one in found] == pytest.approx([one.logprob for one in expected], abs=1e-4)
        assert seat.context.ids[: len(before)] == before
        assert END not in ids
        whole = TransformersEngine(helpers.loaded(name, ends=frozenset()))
        assert write(seat, ids, 5, Sampling()) == [step.id for step in whole.stream(ids, max_tokens=5)]
