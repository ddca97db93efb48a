"""The one owner of the model: a thread that computes for everybody, one turn at a time, first come, first served.

Representation: a queue of turns. What somebody wants computed is a generator that runs on this thread; each `yield`
ends its turn, and it goes to the end of the queue. An answer that is being written asks for one token at a time and
waits for it, so everybody who writes gets a token in turn, whoever else reads a long prompt in between, bit by bit.

Invariants: nobody else computes with the model while the desk is open. A turn that fails fails its asker alone. One
that was cancelled ends before its next turn. The queue is bounded.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from midcourse.engine.context import Kind
from midcourse.errors import MidcourseError, ModelError
from midcourse.studio.errors import BusyError
from midcourse.studio.seats import Around, Seat, Seats
from midcourse.studio.turns import Gone, Turn

if TYPE_CHECKING:
    from midcourse.models import Loaded

T = TypeVar("T")
MOST_WAITING = 128  # turns in the queue
PATIENCE = 60.0  # seconds that somebody waits who does not write
log = logging.getLogger("midcourse.studio")


class Desk:
    """The model and the thread that computes with it. `memory` bounds what seats hold, in bytes."""

    def __init__(self, loaded: Loaded, *, memory: int | None = None) -> None:
        self.loaded = loaded
        self.kind = Kind.of(loaded)
        self.seats = Seats(self, memory)
        self.turns = 0
        self._queue: deque[Turn[Any]] = deque()
        self._changed = threading.Condition()
        self._open = False
        self._held = ExitStack()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def start(self) -> Desk:
        """Take the model. Raises `ModelError` if somebody else has it."""
        self._held.enter_context(self.loaded.owner("the studio"))
        self._open = True
        self._thread.start()
        return self

    def close(self) -> None:
        """Let what is being computed end, refuse the rest, and give the model back."""
        with self._changed:
            was, self._open = self._open, False
            self._changed.notify_all()
        if was:
            self._thread.join()
            self._held.close()

    # ---- for everybody else --------------------------------------------------------------------------------------

    def seat(self, around: Around = nullcontext) -> Seat:
        """A place to write at, with keys of its own; `around` is entered for each turn it takes."""
        return self.seats.take(around)

    def leave(self, seat: Seat) -> None:
        """Give a seat back."""
        self.seats.leave(seat)

    def do(
        self,
        steps: Generator[None, None, T],
        cancel: threading.Event | None = None,
        *,
        seconds: float | None = None,
    ) -> T:
        """Wait until `steps` has run on the desk's thread, a turn at a time; what it returns or raises.

        Raises `Gone` if `cancel` was set before it was done, `BusyError` if too many wait, or if it was not done after
        so many `seconds`.
        """
        assert threading.current_thread() is not self._thread, "the desk would wait for itself"
        turn = Turn(steps, cancel)
        with self._changed:
            if not self._open:
                raise Gone
            if len(self._queue) >= MOST_WAITING:
                raise BusyError("too many wait for the model; try again when others are done")
            self._queue.append(turn)
            self._changed.notify_all()
        if not turn.done.wait(seconds):
            self._give_up(turn)
        if turn.gone and turn.late:
            raise BusyError("the model is busy; try again when it has less to do")
        if turn.gone:
            raise Gone
        if turn.error is not None:
            raise turn.error
        return turn.result  # type: ignore[return-value]

    def exclusive(self, change: Callable[[Loaded], T]) -> T:
        """Do something with the model alone, between two turns of others, such as to switch its adapter."""

        def once() -> Generator[None, None, T]:
            yield from ()
            try:
                return change(self.loaded)
            finally:
                self.seats.refresh()

        return self.do(once(), seconds=PATIENCE)

    def _give_up(self, turn: Turn[Any]) -> None:
        """Wait no longer, or, where it is just now its turn, until that ends."""
        turn.late = True
        with self._changed:
            if turn in self._queue:
                self._queue.remove(turn)
                turn.drop()
        turn.done.wait()

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        return len(self._queue)

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (turn := self._next()) is not None:
            if not self._take(turn):
                with self._changed:
                    self._queue.append(turn)
        for turn in self._queue:
            turn.drop()

    def _next(self) -> Turn[Any] | None:
        """Whose turn it is, as soon as there is somebody; None when the desk is closing."""
        with self._changed:
            while True:
                for turn in [turn for turn in self._queue if turn.cancelled]:
                    self._queue.remove(turn)
                    turn.drop()
                if not self._open:
                    return None
                if self._queue:
                    return self._queue.popleft()
                self._changed.wait()

    def _take(self, turn: Turn[Any]) -> bool:
        """Let somebody have a turn; True when that was the last one."""
        self.turns += 1
        try:
            next(turn.steps)
            return False
        except StopIteration as ended:
            turn.result = ended.value
        except MidcourseError as error:
            turn.error = error
        except Exception as error:  # it belongs to whoever waits for it; the desk goes on
            log.exception("a turn at the desk failed")
            self.seats.shed()
            turn.error = ModelError(_told(error))
        turn.done.set()
        return True


def _told(error: Exception) -> str:
    """What to tell a person about a failure inside the model."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "out of memory" in text.lower() or "can't allocate memory" in text.lower() or isinstance(error, MemoryError):
        return "the model has run out of memory; shorten the conversation, or let fewer answers be written at a time"
    return f"the model has failed ({type(error).__name__}: {text[:200]}); what it wrote is kept"
