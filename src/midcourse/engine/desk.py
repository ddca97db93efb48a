"""The one owner of the model: a thread that computes for everybody, one turn at a time, first come, first served.

Representation: a queue of turns (`turns.py`). An answer that is being written asks for one token at a time and waits
for it, so everybody who writes gets a token in turn, whoever else reads a long prompt in between, bit by bit. One pass
of the model serves as many as it can: a token for each who writes, and parts of the prompts of those who read, where
that is equal to one by one (`engine/together.py`).

Invariants: nobody else computes with the model while the desk is open. A turn that fails fails its asker alone. One
that was cancelled ends before its next turn. The queue is bounded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from midcourse.engine import together
from midcourse.engine.context import Context, Kind
from midcourse.engine.seats import Seat, Seats
from midcourse.engine.turns import Around, Gone, Part, Steps, Turn, joined
from midcourse.errors import BusyError, MidcourseError, ModelError

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded
    from midcourse.models.tokenizer import HFTokenizer

T = TypeVar("T")
MOST_WAITING = 128  # turns in the queue
LONGEST_MOMENT = 0.02
LOOK = 0.02  # seconds between two looks at whether those who can wait may begin
PATIENCE = 60.0  # seconds that somebody waits who does not write
log = logging.getLogger("midcourse.engine")


class Desk:
    """The model and the thread that computes with it. `memory` bounds what seats hold, in bytes."""

    def __init__(self, loaded: Loaded, *, memory: int | None = None) -> None:
        import torch

        self._threads = torch.get_num_threads()
        self.loaded = loaded
        self.kind = Kind.of(loaded)
        self.seats = Seats(self, memory)
        self.passes = 0  # of the model, or what takes as long
        self._joined: bool | None = None
        self._moment = LONGEST_MOMENT / 4  # seconds that the desk waits for others to ask, too
        self._until = 0.0
        self._queue: deque[Turn[Any]] = deque()
        self._changed = threading.Condition()
        self._open = False
        self._held = ExitStack()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def start(self) -> Desk:
        """Take the model. Raises `ModelError` if somebody else has it."""
        self._held.enter_context(self.loaded.owner("the desk"))
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

    @property
    def tokenizer(self) -> HFTokenizer:
        """The model's tokenizer."""
        return self.loaded.tokenizer

    @property
    def model_name(self) -> str:
        """The name under which the model was loaded."""
        return self.loaded.name

    def seat(self, around: Around | None = None) -> Seat:
        """A place to write at, with keys of its own; `around` is entered for each turn it takes."""
        return self.seats.take(around)

    def leave(self, seat: Seat) -> None:
        """Give a seat back."""
        self.seats.leave(seat)

    def do(
        self,
        steps: Steps[T],
        cancel: threading.Event | None = None,
        *,
        seconds: float | None = None,
    ) -> T:
        """Wait until `steps` has run on the desk's thread, a turn at a time; what it returns or raises.

        Raises `Gone` if `cancel` was set before it was done, `BusyError` if too many wait, or if it was not done after
        so many `seconds`.
        """
        assert threading.current_thread() is not self._thread, "the desk would wait for itself"
        turn = self.begin(steps, cancel)
        if not turn.done.wait(seconds):
            self._give_up(turn)
        if turn.gone and turn.late:
            raise BusyError("the model is busy; try again when it has less to do")
        if turn.gone:
            raise Gone
        if turn.error is not None:
            raise turn.error
        return turn.result  # type: ignore[return-value]

    def begin(self, steps: Steps[T], cancel: threading.Event | None = None, *, idle: bool = False) -> Turn[T]:
        """Let `steps` run as `do` does, and wait for nothing; if `idle`, while nobody writes or wants anything else.

        Raises `Gone` if the desk is closed, and `BusyError`.
        """
        turn = Turn(steps, cancel, idle=idle)
        with self._changed:
            if not self._open:
                raise Gone
            if len(self._queue) >= MOST_WAITING:
                raise BusyError("too many wait for the model; try again when others are done")
            self._queue.append(turn)
            self._changed.notify_all()
        return turn

    def exclusive(self, change: Callable[[Loaded], T]) -> T:
        """Do something with the model alone, between two turns of others, such as to switch its adapter."""

        def once() -> Steps[T]:
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

    def share(self, taken: int) -> None:
        """Leave so many threads of the processor to others, who are at work beside it; 0 takes all back.

        More threads than processors is worse than few: each step of the model waits for the slowest of them.
        """
        import torch

        if self.loaded.device.type == "cpu":
            with suppress(Gone):
                self.exclusive(lambda _: torch.set_num_threads(max(1, self._threads - taken)))

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        return len(self._queue)

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while served := self._next():
            self._serve(served)
            waiting = [turn for turn in served if not self._go_on(turn)]
            with self._changed:
                self._queue.extend(waiting)
        for turn in self._queue:
            turn.drop()

    def _next(self) -> list[Turn[Any]]:
        """Whose turn it is, as soon as there is somebody; nobody when the desk is closing."""
        with self._changed:
            while True:
                for turn in [turn for turn in self._queue if turn.cancelled]:
                    self._queue.remove(turn)
                    turn.drop()
                if not self._open:
                    return []
                queue = self._wanted()
                if new := next((turn for turn in queue if not turn.begun), None):
                    self._queue.remove(new)  # to hear what it wants; that is quick, and takes nobody's turn
                    return [new]
                if queue and (served := self._chosen(queue)):
                    for turn in served:
                        self._queue.remove(turn)
                    return served
                if not queue:
                    self._changed.wait(LOOK if self._queue else None)

    def _wanted(self) -> list[Turn[Any]]:
        """Who waits, in order: those who can wait only if there are no others, and nobody is about to ask again."""
        pressing = [turn for turn in self._queue if not turn.idle]
        if pressing or self.seats.anybody_writes:
            return pressing
        return list(self._queue)[:1]

    def _chosen(self, queue: list[Turn[Any]]) -> list[Turn[Any]]:
        """Who is served next: the first, and all who fit into a pass with it. None while others are about to ask.

        Whoever has just got a token asks for the next one in a moment; a pass without them would let all wait. Those
        around whose turns something is switched that cannot be beside the first's have a pass of their own later.
        """
        first = queue[0]
        if not self._fits(first):
            return [first]
        around = _parts(first)[0].around
        served: list[Turn[Any]] = []
        contexts: set[Context] = set()
        for turn in queue:
            its = {part.context for part in _parts(turn)}
            fits = self._fits(turn) and joined(around, _parts(turn)[0].around) and not its & contexts
            if fits and len(its) + len(contexts) <= together.MOST:
                served.append(turn)
                contexts |= its
        now = time.monotonic()
        asking = {turn.part.context for turn in queue if turn.part is not None and joined(around, turn.part.around)}
        if len(asking) < self.seats.writing(around) and len(contexts) < together.MOST:
            self._until = self._until or now + self._moment
            if now < self._until:
                self._changed.wait(self._until - now)
                return []
        self._until = 0.0
        return served

    def _fits(self, turn: Turn[Any]) -> bool:
        """Whether what it waits for can be read in a pass with others."""
        parts = _parts(turn)
        return bool(parts) and all(part.follows for part in parts) and self._joins()

    def _serve(self, served: list[Turn[Any]]) -> None:
        """Read what they wait for: for several, in one pass, as much of it as takes a moment."""
        parts = [part for turn in served for part in _parts(turn)]
        if not parts:
            return
        self.passes += 1
        began = time.perf_counter()
        if len(parts) > 1 and all(part.follows for part in parts) and self._joins():
            try:
                self.seats.read_together(parts)
                self._moment = min((time.perf_counter() - began) / 8, LONGEST_MOMENT)
                return
            except Exception:
                log.exception("a pass for %d contexts failed; each is tried alone", len(parts))
        for turn in served:
            if turn.part is None:
                continue
            try:
                self.seats.read(turn.part, few=self._joins())  # what is beside it waits for the next turn
            except Exception as error:  # noqa: BLE001 - raised in `_go_on`, where it was asked for
                turn.failed = error

    def _joins(self) -> bool:
        """Whether several can be served in one pass of this model; tried once."""
        if self._joined is None:
            self._joined = together.check(self.loaded, self.kind)
        return self._joined

    def _go_on(self, turn: Turn[Any]) -> bool:
        """Give somebody what was read; True when that was all."""
        turn.begun = True
        try:
            failed, turn.failed = turn.failed, None
            turn.part = next(turn.steps) if failed is None else turn.steps.throw(failed)
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


def _parts(turn: Turn[Any]) -> list[Part]:
    """What somebody waits for."""
    return [] if turn.part is None else turn.part.both


def _told(error: Exception) -> str:
    """What to tell a person about a failure inside the model."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "out of memory" in text.lower() or "can't allocate memory" in text.lower() or isinstance(error, MemoryError):
        return "the model has run out of memory; shorten the conversation, or let fewer answers be written at a time"
    return f"the model has failed ({type(error).__name__}: {text[:200]})"
