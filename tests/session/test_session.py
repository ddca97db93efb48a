from __future__ import annotations

import copy
import threading
import time

import pytest

from midcourse.engine.sampling import Sampling
from midcourse.errors import ContextError, ModelError, SteerError, StoreError, UserError
from midcourse.session import Session
from midcourse.session import stream as stream_module
from midcourse.trace import ROOT, Point, Trace, problems
from midcourse.trace.text import to_text
from tests.toys import END, ToyEngine, ToyTokenizer, copyist
from tests.waiting import PATIENCE

ASK = [{"role": "user", "content": "go"}]
TEXT = "name = one\nname = two\n"


class Shelf:
    """A store of one trace: what was saved last, as it was then."""

    def __init__(self) -> None:
        self.saved: list[Trace] = []
        self.broken = False

    def __call__(self, trace: Trace) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        self.saved.append(copy.deepcopy(trace))

    @property
    def trace(self) -> Trace:
        return copy.deepcopy(self.saved[-1])


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def endless(ids: list[int], seed: int) -> int:
    return 97 + (sum(ids) * 31 + len(ids) * 7 + seed) % 20


def begin(shelf: Shelf, engine: ToyEngine | None = None, **options: object) -> Session:
    return Session.start(ASK, engine or ToyEngine(copyist(TEXT, {})), shelf, **options)  # type: ignore[arg-type]


def write(session: Session, count: int | None = None) -> list[int]:
    return [step.id for step in session.resume(max_tokens=count)]


class TestStart:
    def test_saved_with_its_system_prompt_and_earlier_turns(self, shelf: Shelf) -> None:
        turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, *ASK]
        session = Session.start(turns, ToyEngine(), shelf, system="be brief", author="ada", tags=["x"])
        assert [message["role"] for message in shelf.trace.messages] == ["system", "user", "assistant", "user"]
        assert list(shelf.trace.prompt) == ToyTokenizer().prompt(shelf.trace.messages)
        assert (shelf.trace.author, shelf.trace.tags, shelf.trace.id) == ("ada", ("x",), session.trace.id)

    @pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "x"}], [*ASK, {"role": "assistant"}]])
    def test_nothing_to_answer(self, shelf: Shelf, messages: list[dict[str, str]]) -> None:
        with pytest.raises(UserError, match="nothing to answer"):
            Session.start(messages, ToyEngine(), shelf)
        assert not shelf.saved

    def test_no_room(self, shelf: Shelf) -> None:
        with pytest.raises(ContextError, match="sees 5"):
            Session.start(ASK, ToyEngine(context_length=5), shelf)
        assert not shelf.saved

    def test_another_tokenizer_is_refused(self, shelf: Shelf) -> None:
        begin(shelf)
        engine = ToyEngine()
        engine.tokenizer.fingerprint = "other"  # type: ignore[misc]
        with pytest.raises(ModelError, match="through its text"):
            Session(shelf.trace, engine, shelf)

    def test_a_damaged_trace_is_refused(self, shelf: Shelf) -> None:
        trace = begin(shelf).trace
        trace.cursor = 9
        with pytest.raises(UserError, match="damaged"):
            Session(trace, ToyEngine(), shelf)


class TestWriting:
    def test_to_its_end(self, shelf: Shelf) -> None:
        session = begin(shelf)
        written = write(session)
        assert written[-1] == END
        assert session.text() == TEXT
        assert session.ended
        assert not session.writing
        assert session.stream is not None
        assert session.stream.ended == "end"
        assert shelf.trace == session.trace
        with pytest.raises(SteerError, match="ended"):
            session.resume()

    def test_limit(self, shelf: Shelf) -> None:
        session = begin(shelf)
        assert len(write(session, 3)) == 3
        assert session.stream is not None
        assert session.stream.ended == "limit"
        assert session.answer() == shelf.trace.answer(shelf.trace.head)

    def test_full_context(self, shelf: Shelf) -> None:
        room = len(ToyTokenizer().prompt(ASK)) + 3
        session = begin(shelf, ToyEngine(copyist(TEXT, {}), context_length=room))
        assert len(write(session)) == 3
        with pytest.raises(ContextError, match=f"no more than {room}"):
            session.resume()

    def test_reuse_and_time_are_visible(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 4)
        assert session.stream is not None
        assert session.stream.reuse == (0, len(session.trace.prompt))
        session.steer("!", depth=2)
        stream = session.resume(max_tokens=1)
        assert stream.reuse is None
        list(stream)
        assert stream.reuse == (len(session.trace.prompt) + 2, 1)
        assert stream.first_token_ms is not None

    def test_what_is_written_shows_at_once_and_is_saved_in_chunks(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream_module, "CHUNK_SECONDS", 1e9)
        session = begin(shelf)
        next(session.resume())
        assert len(session.answer()) == 1
        assert not shelf.trace.spans
        session.stop()
        assert len(shelf.trace.spans) == 1
        monkeypatch.setattr(stream_module, "CHUNK_SECONDS", 0.0)
        for number, _ in enumerate(session.resume(), start=2):
            assert len(shelf.trace.answer(shelf.trace.head)) == number
        assert len(session.trace.history) == 2, "a model that goes on writing is one step"

    def test_no_text_older_than_half_a_second_is_unsaved(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        engine = ToyEngine(endless)
        session = begin(shelf, engine)
        came: list[float] = []
        for _ in session.resume(max_tokens=100):
            came.append(clock[0])
            saved = len(shelf.trace.answer(shelf.trace.head))
            assert saved == len(came) or clock[0] + 0.03 - came[saved] < 0.5 + 1e-9
            clock[0] += 0.03
        assert len(session.trace.spans) < 10

    def test_stop_before_the_first_token(self, shelf: Shelf) -> None:
        session = begin(shelf)
        stream = session.resume()
        session.stop()
        assert list(stream) == []
        assert stream.ended == "stopped"
        assert session.trace.head == ROOT

    def test_a_stream_left_behind_ends_when_another_begins(self, shelf: Shelf) -> None:
        session = begin(shelf)
        first = session.resume()
        next(first)
        second = session.resume()
        next(second)
        assert list(first) == []
        assert len(session.answer()) == 2

    def test_stop_from_another_thread_within_one_token(self, shelf: Shelf) -> None:
        def slow(ids: list[int], seed: int) -> int:
            time.sleep(0.005)
            return 97

        engine = ToyEngine(slow)
        session = begin(shelf, engine)
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.extend(step.id for step in session.resume()))
        reader.start()
        while len(session.answer()) < 3:
            time.sleep(0.001)
        session.stop()
        written = engine.written
        reader.join(PATIENCE)
        assert engine.written == written
        assert not engine.open
        assert shelf.trace.answer(shelf.trace.head) == seen == session.answer()
        assert len(seen) == written

    def test_every_operation_stops_the_model(self, shelf: Shelf) -> None:
        session = begin(shelf)
        stream = session.resume()
        next(stream)
        next(stream)
        session.steer("!")
        assert list(stream) == []
        assert session.text().endswith("!")

    def test_a_failing_engine_keeps_what_was_written(self, shelf: Shelf) -> None:
        def fails(ids: list[int], seed: int) -> int:
            if len(ids) > len(ToyTokenizer().prompt(ASK)) + 2:
                raise RuntimeError("out of memory")
            return 97

        session = begin(shelf, ToyEngine(fails))
        with pytest.raises(RuntimeError, match="out of memory"):
            write(session)
        assert session.stream is not None
        assert session.stream.ended == "failed"
        assert shelf.trace.answer(shelf.trace.head) == [97, 97, 97]

    def test_text_that_cannot_be_saved_stops_the_model_and_stays(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream_module, "CHUNK_SECONDS", 0.0)
        engine = ToyEngine(endless)
        session = begin(shelf, engine)
        stream = session.resume()
        next(stream)
        shelf.broken = True
        with pytest.raises(StoreError, match="full"):
            next(stream)
        assert stream.ended == "failed"
        assert not engine.open
        assert len(session.answer()) == 2
        shelf.broken = False
        session.mark(0)
        assert shelf.trace == session.trace


class TestSteering:
    def test_in_place(self, shelf: Shelf) -> None:
        session = begin(shelf, ToyEngine(copyist(TEXT, {"one": "!!"})), author="ada")
        write(session, 10)
        cut = session.text().index("!")
        steer = session.steer("\n", byte=cut, reason="shouts", tags=["style"])
        tok = session.engine.tokenizer
        assert session.text() == "name = one\n"
        assert steer.chosen is not None
        assert to_text(tok, session.trace.run_ids(steer.chosen)) == "\n"
        assert to_text(tok, session.trace.run_ids(steer.rejected[0])).startswith("!!")
        assert (steer.reason, steer.tags, steer.author) == ("shouts", ("style",), "ada")
        assert session.trace.spans[steer.chosen.span].source == "human"
        assert steer.created is not None
        assert shelf.trace == session.trace
        assert to_text(tok, write(session)) == "name = two\n"

    def test_at_the_end_and_with_an_end(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 2)
        steer = session.steer("!", end=True)
        assert steer.ends
        assert session.ended
        assert session.text().endswith("!")

    def test_an_empty_steer_changes_nothing(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 2)
        before = copy.deepcopy(session.trace)
        with pytest.raises(SteerError):
            session.steer("")
        assert session.trace == before == shelf.trace

    def test_pick(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 5)
        steer = session.pick(ord("x"), 1, rejected_stop=3)
        assert session.answer()[1:] == [ord("x")]
        assert session.trace.run_ids(steer.rejected[0]) == session.trace.answer(session.trace.history[1])[1:3]
        assert session.pick(ord("y")).rejected == ()

    def test_picking_what_stands_there_is_refused(self, shelf: Shelf) -> None:
        session = begin(shelf)
        written = write(session, 5)
        with pytest.raises(SteerError, match="only repeats"):
            session.pick(written[2], 2)

    def test_end_here(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 5)
        steer = session.end_here(3)
        assert steer.ends
        assert len(session.trace.run_ids(steer.rejected[0])) == 2
        assert session.ended

    def test_mark(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 5)
        head = session.trace.head
        steer = session.mark(2, 4, reason="off")
        assert steer.chosen is None
        assert (steer.rejected[0].start, steer.rejected[0].stop) == (2, 4)
        assert session.trace.head == head
        assert shelf.trace == session.trace

    @pytest.mark.parametrize("span", [(-1, 2), (3, 2), (2, 99)])
    def test_outside_of_the_answer(self, shelf: Shelf, span: tuple[int, int]) -> None:
        session = begin(shelf)
        write(session, 5)
        with pytest.raises(SteerError):
            session.mark(*span)

    def test_what_cannot_be_saved_is_not_done(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 5)
        session.steer("!")
        session.undo()
        before = copy.deepcopy(session.trace)
        shelf.broken = True
        changes = [
            lambda: session.steer("?", depth=1),
            lambda: session.mark(1),
            session.redo,
            session.undo,
            lambda: session.branch(1),
            session.finish,
        ]
        for change in changes:
            with pytest.raises(StoreError):
                change()
            assert session.trace == before
        shelf.broken = False
        assert session.redo()
        assert shelf.trace == session.trace


class TestMoving:
    def test_undo_and_redo(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 3)
        session.steer("!", depth=2)
        steered = session.answer()
        assert session.undo()
        assert len(session.answer()) == 3
        assert session.redo()
        assert session.answer() == steered
        assert not session.redo()
        assert session.undo()
        assert session.undo()
        assert not session.undo()
        assert session.answer() == []
        assert len(shelf.trace.steers) == 1

    def test_going_on_after_undo_is_a_step_of_its_own(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 3)
        three = session.answer()
        session.steer("!")
        session.undo()
        write(session, 2)
        session.undo()
        assert session.answer() == three

    def test_branch(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 5)
        session.branch(2)
        assert len(session.answer()) == 2
        session.branch(Point(0, 4))
        assert len(session.answer()) == 4
        session.branch(ROOT)
        assert session.answer() == []
        assert shelf.trace == session.trace
        for nowhere in (Point(0, 0), Point(0, 9), Point(7, 1), -1, 3):
            with pytest.raises(SteerError):
                session.branch(nowhere)

    def test_finish_and_back(self, shelf: Shelf) -> None:
        session = begin(shelf)
        write(session, 2)
        session.finish()
        assert shelf.trace.finished
        for change in (lambda: session.steer("x"), session.undo, session.resume, session.regenerate):
            with pytest.raises(SteerError, match="finished"):
                change()
        session.unfinish()
        assert not shelf.trace.finished
        write(session)

    def test_next_turn(self, shelf: Shelf) -> None:
        session = begin(shelf, system="be brief", tags=["x"])
        write(session)
        with pytest.raises(SteerError, match="not finished"):
            session.next_turn("more")
        session.finish()
        following = session.next_turn("more")
        assert [m["content"] for m in following.trace.messages] == ["be brief", "go", TEXT, "more"]
        assert following.trace.id != session.trace.id
        assert following.trace.tags == ("x",)
        assert shelf.trace == following.trace


class TestRegenerate:
    WARM = Sampling(temperature=1.0, seed=3)

    def test_the_last_run_again(self, shelf: Shelf) -> None:
        session = begin(shelf, ToyEngine(endless), sampling=self.WARM)
        write(session, 4)
        chosen = session.steer("ab", depth=2).chosen
        assert chosen is not None
        write(session, 3)
        write(session, 3)  # one run, in two spans
        first, fork = session.answer(), chosen.stop
        list(session.regenerate(max_tokens=6))
        second = session.answer()
        assert second[:fork] == first[:fork]
        assert second != first
        list(session.regenerate(max_tokens=6))
        assert session.answer() not in (first, second)
        assert session.answer()[:fork] == first[:fork]
        session.undo()
        assert session.answer() == second
        session.undo()
        assert session.answer() == first

    def test_from_a_depth_in_one_step(self, shelf: Shelf) -> None:
        session = begin(shelf, ToyEngine(endless), sampling=self.WARM)
        write(session, 6)
        first = session.answer()
        list(session.regenerate(2, max_tokens=4))
        assert session.answer()[:2] == first[:2]
        assert session.answer() != first
        assert session.undo()
        assert session.answer() == first

    def test_nothing_happens_before_the_first_text_is_kept(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream_module, "CHUNK_SECONDS", 1e9)
        session = begin(shelf, ToyEngine(endless), sampling=self.WARM)
        write(session, 6)
        head = session.trace.head
        stream = session.regenerate()
        assert len(session.answer()) == 6
        next(stream)
        assert len(session.answer()) == 1
        assert shelf.trace.head == head

    def test_greedy_needs_another_sampling(self, shelf: Shelf) -> None:
        session = begin(shelf, ToyEngine(endless))
        write(session, 6)
        first = session.answer()
        list(session.regenerate(max_tokens=6))
        assert session.answer() == first
        list(session.regenerate(max_tokens=6, sampling=self.WARM))
        assert session.answer() != first


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=7)])
@pytest.mark.parametrize("again", [False, True])
def test_resumed_is_uninterrupted(shelf: Shelf, sampling: Sampling, again: bool) -> None:
    """However often it is stopped and reopened, a run goes on with its own seed: same tokens, same undo steps."""
    engine = ToyEngine(endless)

    def run(pieces: list[int]) -> Trace:
        session = Session.start(ASK, engine, shelf, sampling=sampling, id="same")
        write(session, 5)
        if again:
            list(session.regenerate(2, max_tokens=1))
        for count in pieces:
            session = Session(shelf.trace, engine, shelf, sampling=sampling)
            write(session, count)
        return session.trace

    whole, parts = run([12]), run([3, 1, 5, 3])
    assert whole.answer(whole.head) == parts.answer(parts.head)
    assert len(whole.history) == len(parts.history)
    assert not problems(parts)
