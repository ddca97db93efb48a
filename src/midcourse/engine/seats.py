"""Seats at the desk: for each answer that is being written, what the model has read of it.

Representation: a seat is a `Writer` for one session, and holds an engine's `Context`. Several sessions so interleave
without reading their prompts again. The contexts of all seats together stay within a budget of memory: those used
longest ago are dropped, and read again when they are needed.

Invariant: a context is touched on the desk's thread alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midcourse.engine import together
from midcourse.engine.cache import memory as memory_of
from midcourse.engine.cache import token_bytes
from midcourse.engine.context import Context, Reuse
from midcourse.engine.hf import next_step
from midcourse.engine.sampling import Alternative, Sampling, Step, best, distribution, needed
from midcourse.engine.turns import Around, Gone, Part, Steps, joined, within, within_all
from midcourse.errors import BusyError

if TYPE_CHECKING:
    from midcourse.engine.desk import Desk
    from midcourse.models.tokenizer import HFTokenizer

LOOKING = 30.0  # seconds after which nobody waits for alternatives any more
SCORED = 64  # tokens whose logits are all there at a time
SHARE = 4  # the seats may take this part of the memory


@dataclass
class Pace:
    """How many tokens of a prompt are read in one turn, so that a turn takes about `SECONDS`."""

    size: int = 64
    SECONDS, LEAST, MOST = 0.1, 16, 512

    def measure(self, tokens: int, seconds: float) -> None:
        """A turn has read so many in that time."""
        if tokens >= self.LEAST:
            wanted = tokens / max(seconds, 1e-6) * self.SECONDS
            self.size = int(max(min(wanted, self.size * 2, self.MOST), self.size / 2, self.LEAST))


class Seat:
    """Where one answer is written. `reading` hears when the model begins to read."""

    top: int | None = None  # how many alternatives there can be; None: as many as the vocabulary has tokens

    def __init__(self, seats: Seats, around: Around | None) -> None:
        self.desk = seats.desk
        self.seats = seats
        self.around = around
        self.context = Context(self.desk.loaded, self.desk.kind)
        self.neutral = Context(self.desk.loaded, self.desk.kind)  # for guidance: the same answer, nothing asked for
        self.last_reuse = Reuse(0, 0)
        self.used = 0.0  # when it last took a turn
        self.writing = False
        self._prepared: tuple[list[int], Reuse] = [], self.last_reuse
        self._expected = threading.Event()  # to be set when what is read ahead is not wished for any more
        self.reading: Callable[[Reuse], object] = lambda _: None

    @property
    def tokenizer(self) -> HFTokenizer:
        """The model's tokenizer."""
        return self.desk.loaded.tokenizer

    @property
    def model_name(self) -> str:
        """The name under which the model was loaded."""
        return self.desk.loaded.name

    @property
    def context_length(self) -> int:
        """How many tokens the model can see."""
        return self.desk.loaded.context_length

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
        """Write on after `ids`, as `TransformersEngine.stream` does; each token is a turn at the desk."""
        self.context.check(ids, room=1)
        if (neutral := needed(sampling, neutral)) is not None:
            self.neutral.check(neutral, room=1)
        written: list[int] = []
        longest = max(len(ids), len(neutral or ()))
        self.writing = True
        try:
            while len(written) < max_tokens and longest + len(written) < self.context_length:
                beside = None if neutral is None else [*neutral, *written]
                wanted = self._next([*ids, *written], beside, sampling, top, note=not written)
                try:
                    step = self.desk.do(wanted, cancel)
                except Gone:
                    return
                written.append(step.id)
                yield step
                if step.id in self.tokenizer.end_ids or (stop is not None and stop(written)):
                    return
        finally:
            self.writing = False

    @property
    def slots(self) -> int:
        """For how many tokens it holds keys, or room for them."""
        return self.context.slots + self.neutral.slots

    def drop(self) -> None:
        """Forget all that was read."""
        self.context.drop()
        self.neutral.drop()

    def alternatives(self, ids: Sequence[int], top: int) -> tuple[Alternative, ...]:
        """The likeliest tokens after `ids`; what the seat has read beyond them stays."""
        return self.desk.do(self._look(ids, top), seconds=LOOKING)

    def score(self, ids: Sequence[int], start: int, cancel: threading.Event | None = None) -> list[float]:
        """The log-probability of each of `ids` from `start` on, given what precedes it: one pass, part by part.

        Raises `Gone` if `cancel` was set before it was done.
        """
        return self.desk.do(self._score(ids, start), cancel)

    def prepare(self, ids: Sequence[int]) -> None:
        """Begin to read what will be gone on from, while whoever asks for it has something else to do first."""
        with suppress(BusyError, Gone):
            self.desk.begin(self._ahead(ids))

    def expect(self, ids: Sequence[int] | None) -> None:
        """Read ahead what may be gone on from soon, when nobody has anything else to do; None: nothing any more."""
        self._expected.set()
        if ids is not None:
            self._expected = threading.Event()
            with suppress(BusyError, Gone):
                steps = self._read(self.context, list(ids), note=False)
                self.desk.begin(steps, self._expected, idle=True)

    def inherit(self, other: Seat) -> None:
        """Take over what another seat has read, which goes on with nothing."""

        def take() -> Steps[None]:
            yield from ()
            other.context, self.context = self.context, other.context
            other.neutral, self.neutral = self.neutral, other.neutral

        self.desk.do(take())

    # ---- on the desk's thread ------------------------------------------------------------------------------------

    def _next(
        self, ids: Sequence[int], neutral: Sequence[int] | None, sampling: Sampling, top: int, *, note: bool
    ) -> Steps[Step]:
        yield from self._read(self.context, ids, neutral, note=note)
        assert self.context.logits_V is not None
        neutral_V = None if neutral is None else self.neutral.logits_V
        return next_step(self.context.logits_V, sampling, len(ids), top, neutral_V)

    def _ahead(self, ids: Sequence[int]) -> Steps[None]:
        self._prepared = list(ids), self.context.begin(ids)
        yield from self._read(self.context, ids, note=False)

    def _look(self, ids: Sequence[int], top: int) -> Steps[tuple[Alternative, ...]]:
        context = self.context
        context.refresh()
        if context.kind.windows is None:  # it could not come back
            context = Context(self.desk.loaded, self.desk.kind)
        if context.ids[: len(ids)] == list(ids):
            with within(self.around):
                return best(distribution(context.peek(len(ids))), top)
        yield from self._read(context, ids, note=False)
        assert context.logits_V is not None
        return best(distribution(context.logits_V), top)

    def _score(self, ids: Sequence[int], start: int) -> Steps[list[float]]:
        found: list[float] = []
        while (place := start + len(found)) < len(ids):
            yield from self._read(self.context, ids[:place], note=False)
            with within(self.around):
                found += self.context.follow(ids[place : place + min(self.seats.pace.size, SCORED)])
            yield None
        return found

    def _read(
        self, context: Context, ids: Sequence[int], neutral: Sequence[int] | None = None, *, note: bool
    ) -> Steps[None]:
        """Make the context hold `ids`, a part in each turn, and that for guidance `neutral`, if there is any."""
        reuse = context.begin(ids)
        if note:
            prepared, before = self._prepared
            if prepared == list(ids) and context.stale is False:
                reuse = before  # what was read ahead had to be read
            self._prepared = [], reuse
            self.last_reuse = reuse
            self.reading(reuse)
        while parts := self._missing(context, ids, neutral):
            yield parts[0]._replace(beside=parts[1] if len(parts) > 1 else None)
            self.used = time.monotonic()
            self.seats.shrink()

    def _missing(self, context: Context, ids: Sequence[int], neutral: Sequence[int] | None) -> list[Part]:
        """What is not read yet: somebody may have looked elsewhere, or changed the weights, since it was."""
        wanted = [(context, ids)] if neutral is None else [(context, ids), (self.neutral, neutral)]
        for one, its in wanted:
            one.begin(its)
        if neutral is not None and not context.missing(ids):
            self.neutral.borrow(context, neutral)
        return [Part(one, its, self.around) for one, its in wanted if one.missing(its)]


class Seats:
    """All seats, within `memory` bytes for what they hold (by default a share of the machine's)."""

    def __init__(self, desk: Desk, memory: int | None) -> None:
        self.desk = desk
        self.pace = Pace()
        self.memory = memory_of(desk.loaded.device) // SHARE if memory is None else memory
        self._bytes = token_bytes(desk.loaded) if desk.kind.windows is not None else 0
        self._seats: list[Seat] = []
        self._lock = threading.Lock()

    def take(self, around: Around | None) -> Seat:
        """A new seat."""
        seat = Seat(self, around)
        with self._lock:
            self._seats.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Take a seat away with all it holds."""
        with self._lock:
            if seat in self._seats:
                self._seats.remove(seat)

    @property
    def held(self) -> int:
        """The bytes that all seats hold."""
        with self._lock:
            return sum(seat.slots for seat in self._seats) * self._bytes

    def read(self, part: Part, *, few: bool) -> None:
        """Read as much of a part as one turn takes; a few tokens after many by `together.read`, if that is right."""
        context, ids = part.context, part.ids
        began, before = time.perf_counter(), len(context.ids)
        with within(part.around):
            context.begin(ids)
            if few and context.ids and 0 < context.missing(ids) <= together.FEW:  # another turn may have read all of it
                together.read([context], [ids[len(context.ids) :]])
            else:
                context.read(ids, self.pace.size)
        self.pace.measure(len(context.ids) - before, time.perf_counter() - began)

    def read_together(self, parts: Sequence[Part]) -> None:
        """Read of each part a token, and of all together as much more as one turn takes that only reads."""
        widths = shares([len(part.tail) for part in parts], self.pace.size)
        reads = list(zip(parts, widths, strict=True))
        reads.sort(key=lambda read: id(read[0].around))  # what is switched for neighbours is switched once
        with within_all([(part.around, width) for part, width in reads]):
            together.read([part.context for part, _ in reads], [part.tail[:width] for part, width in reads])

    def shrink(self) -> None:
        """Drop what was used longest ago until the rest is within the budget; who writes just now keeps the last."""
        while self.held > self.memory:
            with self._lock:
                idle = [seat for seat in self._seats if seat.slots and not seat.writing]
            if not idle:
                return
            min(idle, key=lambda seat: seat.used).drop()

    @property
    def anybody_writes(self) -> bool:
        """Whether somebody is about to ask for a token."""
        with self._lock:
            return any(seat.writing for seat in self._seats)

    def writing(self, around: Around | None) -> int:
        """How many seats are written at that can be served in one pass with those that have this around their turns."""
        with self._lock:
            return sum(seat.writing and joined(around, seat.around) for seat in self._seats)

    def refresh(self) -> None:
        """Free what other weights have computed."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            seat.context.refresh()
            seat.neutral.refresh()

    def shed(self) -> None:
        """Free all that can be read again: memory may have run out."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            if not seat.writing:
                seat.drop()


def shares(wanted: Sequence[int], size: int) -> list[int]:
    """How many tokens each of those who wait gets: one, and out of `size` more half for who has waited longest.

    The rest is for those who want least, so that as many as possible begin to write.
    """
    found = [1] * len(wanted)
    oldest = next((place for place, count in enumerate(wanted) if count > 1), 0)
    for place, bound in [
        (oldest, size // 2),
        *((place, size) for place in sorted(range(len(wanted)), key=wanted.__getitem__)),
    ]:
        more = min(wanted[place] - found[place], bound, size)
        found[place] += more
        size -= more
    return found
