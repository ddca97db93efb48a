"""Seats at an engine that computes elsewhere: in a server, with a stream for each answer that is being written.

Representation: a seat is a `Writer` for one session, as one at the desk is (`seats.py`). A server has so many slots; a
seat keeps the one it was written in, with all that was read there, until somebody who has none needs it. Whoever finds
none free waits, first come, first served.

What a person is typing can be read ahead (`Seat.expect`), a few tokens at a time, and only while nobody writes.

Invariants: a slot has one request at a time. Nothing is read ahead that is not wished for any more when its turn comes;
at most one such request is under way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import Alternative, Reuse, Shared, Step
from midcourse.errors import BusyError, MidcourseError
from midcourse.trace.prefix import shared
from midcourse.trace.text import Tokenizer

LOOK = 0.02  # seconds between two looks at whether whoever waits has been cancelled
LOOKING = 30.0  # seconds after which nobody waits for alternatives any more
PART = 8  # tokens that are read ahead at a time: whoever comes meanwhile waits for no more than these
ENDING = 2.0  # seconds that a request which is under way may take when all ends
log = logging.getLogger("midcourse.engine")


class Served:
    """Everybody's engine. Closing it closes the engine, too."""

    def __init__(self, engine: Shared) -> None:
        self.engine = engine
        self._seats: list[ServedSeat | None] = [None] * engine.slots  # who was written at in each slot last
        self._used = [0.0] * engine.slots
        self._busy: set[int] = set()
        self._waiting: list[ServedSeat] = []
        self._wishes: dict[ServedSeat, list[int]] = {}
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._ahead, name="ahead", daemon=True)
        self._thread.start()

    @property
    def tokenizer(self) -> Tokenizer:
        """In whose ids it reads and writes."""
        return self.engine.tokenizer

    @property
    def model_name(self) -> str:
        """The model's name, as traces keep it."""
        return self.engine.model_name

    def seat(self) -> ServedSeat:
        """A place to write at."""
        return ServedSeat(self)

    def leave(self, seat: ServedSeat) -> None:
        """Give a seat back."""
        with self._changed:
            self._wishes.pop(seat, None)
            if seat.slot is not None:
                self._seats[seat.slot] = None
                seat.slot = None

    def close(self) -> None:
        """Read nothing more, and close the engine. May be called more than once."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._thread.join(ENDING)
        self.engine.close()

    # ---- slots ---------------------------------------------------------------------------------------------------

    @contextmanager
    def slot(
        self, seat: ServedSeat, cancel: threading.Event | None = None, seconds: float | None = None
    ) -> Iterator[int | None]:
        """A slot for a seat alone, for as long as this lasts; None if `cancel` was set before there was one.

        Raises `BusyError` after so many `seconds`.
        """
        slot = self._take(seat, cancel, seconds)
        try:
            yield slot
        finally:
            if slot is not None:
                self._give(slot)

    def _take(
        self, seat: ServedSeat, cancel: threading.Event | None = None, seconds: float | None = None
    ) -> int | None:
        end = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            self._waiting.append(seat)
            try:
                while (slot := self._found(seat)) is None:
                    if cancel is not None and cancel.is_set():
                        return None
                    if end is not None and time.monotonic() > end:
                        raise BusyError("the model is busy; try again when it has less to do")
                    self._changed.wait(LOOK)
            finally:
                self._waiting.remove(seat)
            self._busy.add(slot)
            self._seat(seat, slot)
            return slot

    def _give(self, slot: int) -> None:
        with self._changed:
            self._busy.discard(slot)
            self._used[slot] = time.monotonic()
            self._changed.notify_all()

    def _found(self, seat: ServedSeat) -> int | None:
        """The slot that a seat may have now: its own, or if it has none and is the next, one that nobody has used for
        longest."""
        if seat.slot is not None:
            return None if seat.slot in self._busy else seat.slot
        if next(one for one in self._waiting if one.slot is None) is not seat:
            return None
        free = [slot for slot in range(len(self._seats)) if slot not in self._busy]
        return min(free, key=lambda slot: (self._seats[slot] is not None, self._used[slot]), default=None)

    def _seat(self, seat: ServedSeat, slot: int) -> None:
        if (before := self._seats[slot]) is not seat:
            if before is not None:
                before.slot = None
            if seat.slot is not None:
                self._seats[seat.slot] = None
            self._seats[slot], seat.slot, seat.held = seat, slot, []

    def inherit(self, seat: ServedSeat, other: ServedSeat) -> None:
        """Let a seat have the slot of another one, which goes on with nothing."""
        with self._changed:
            if other.slot is not None and other.slot not in self._busy:
                slot, held = other.slot, other.held
                self._seat(seat, slot)
                seat.held = held

    # ---- reading ahead -------------------------------------------------------------------------------------------

    def wish(self, seat: ServedSeat, ids: Sequence[int] | None) -> None:
        """What is to be read ahead for a seat, in the place of what was wished for before; None: nothing."""
        with self._changed:
            self._wishes.pop(seat, None)
            if ids is not None:
                self._wishes[seat] = list(ids)
                self._changed.notify_all()

    def _ahead(self) -> None:
        while True:
            with self._changed:
                while self._open and (not self._wishes or self._busy or self._waiting):
                    self._changed.wait()
                if not self._open:
                    return
                seat, ids = next(iter(self._wishes.items()))
                slot = self._take(seat)
                assert slot is not None, "nobody is busy"
                known = shared(seat.held, ids)
            try:
                if known < len(ids) - 1:
                    part = ids[: known + PART + 1]  # the last one is left for whoever goes on
                    self.engine.at(slot).prepare(part)
                    seat.held = part[:-1]
                else:
                    self._done(seat, ids)
            except MidcourseError as error:
                log.info("nothing is read ahead: %s", error)
                self._done(seat, ids)
            finally:
                self._give(slot)

    def _done(self, seat: ServedSeat, ids: list[int]) -> None:
        with self._changed:
            if self._wishes.get(seat) is ids:
                del self._wishes[seat]


class ServedSeat:
    """Where one answer is written. `reading` hears when the engine begins to read."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.slot: int | None = None  # these two belong to `Served`
        self.held: list[int] = []  # what was read in that slot last
        self.last_reuse = Reuse(0, 0)
        self.reading: Callable[[Reuse], object] = lambda _: None

    @property
    def tokenizer(self) -> Tokenizer:
        """In whose ids it reads and writes."""
        return self.served.engine.tokenizer

    @property
    def model_name(self) -> str:
        """The model's name, as traces keep it."""
        return self.served.engine.model_name

    @property
    def context_length(self) -> int:
        """How many tokens the model can see."""
        return self.served.engine.context_length

    @property
    def top(self) -> int | None:
        """How many alternatives there can be; None: as many as the vocabulary has tokens."""
        return self.served.engine.abilities.top

    def stream(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None = None,
        cancel: threading.Event | None = None,
        top: int = 10,
        neutral: Sequence[int] | None = None,
    ) -> Generator[Step, None, None]:
        """Write on after `ids`, as the engine's `stream` does, as soon as there is a slot."""
        with self.served.slot(self, cancel) as slot:
            if slot is None:
                return
            engine = self.served.engine.at(slot)
            tells = engine.abilities.rolls_back is not None  # otherwise only the engine knows what it has read before
            known = shared(self.held, ids)
            if tells:
                self.reading(Reuse(known, len(ids) - known))
            written: list[int] = []
            steps = engine.stream(
                ids, sampling, max_tokens=max_tokens, stop=stop, cancel=cancel, top=top, neutral=neutral
            )
            self.held = []  # until it is known how far it came
            try:
                for step in steps:
                    written.append(step.id)
                    self.last_reuse = engine.last_reuse if tells else Reuse(0, 0)
                    yield step
            finally:
                steps.close()  # type: ignore[attr-defined]
                self.held = [*ids, *written][:-1] if written else []

    def alternatives(self, ids: Sequence[int], top: int) -> tuple[Alternative, ...]:
        """The likeliest tokens after `ids`; none where the engine does not say how likely they are."""
        if not self.served.engine.abilities.logprobs:
            return ()
        with self.served.slot(self, seconds=LOOKING) as slot:
            assert slot is not None
            found = self.served.engine.at(slot).next(ids, top).top
            self.held = list(ids)
        return found

    def prepare(self, ids: Sequence[int]) -> None:
        """Nothing: the request that writes comes in a moment, and reads it itself."""

    def expect(self, ids: Sequence[int] | None) -> None:
        """Read ahead what may be gone on from soon, when nobody has anything else to do; None: nothing any more."""
        self.served.wish(self, ids)

    def inherit(self, other: ServedSeat) -> None:
        """Take over what another seat has read, which goes on with nothing."""
        self.served.inherit(self, other)
