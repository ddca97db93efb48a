"""Answers being written for requests: a thread each, at most as many at a time as share a pass of the model.

Representation: a `Run` is one request; its threads put pieces of its answers into a queue of the event loop. The first
answer to a prompt reads it; the others begin when it is read, and copy its keys.

Invariant: as soon as a run is stopped (the client has gone, the server ends) its answers end within a token, those that
have not begun never do, and their seats are free.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from midcourse.engine import together
from midcourse.engine.contract import Step
from midcourse.engine.desk import Desk
from midcourse.engine.turns import Gone
from midcourse.errors import BusyError, MidcourseError, UserError
from midcourse.serve.ask import Ask
from midcourse.serve.cut import Cut
from midcourse.serve.errors import FAILED, FailedError
from midcourse.serve.places import Places

WAITING = 256  # answers that wait to be begun
log = logging.getLogger("midcourse.serve")
Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """More of an answer: text and its tokens. The last one says why it ends, and by which token, if by one."""

    answer: int
    text: str
    steps: Sequence[Step]
    finish: Finish | None = None
    end: Step | None = None


class Writers:
    """Whoever writes at one desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.places = Places(desk)
        self._threads = ThreadPoolExecutor(together.MOST, "answer")
        self._runs: set[Run] = set()
        self._open = True

    @property
    def waiting(self) -> int:
        """How many answers have not begun."""
        return sum(run.waiting for run in self._runs)

    def write(self, ask: Ask) -> Run:
        """Begin to write; on the event loop. Raises `BusyError` where too much waits already."""
        if not self._open:
            raise BusyError("the server is ending")
        if self.waiting + ask.count > WAITING:
            raise BusyError("too many answers wait to be written; try again later")
        run = Run(self, ask)
        self._runs.add(run)
        run.begin(self._threads)
        return run

    def end(self) -> None:
        """Stop everything that is being written; on the event loop."""
        self._open = False
        for run in list(self._runs):
            run.fail(BusyError("the server is ending"))

    def close(self) -> None:
        """Wait until all threads have ended."""
        self._threads.shutdown()

    def forget(self, run: Run) -> None:
        """A run is over."""
        self._runs.discard(run)


@dataclass
class _Count:
    """Tokens of one answer."""

    written: int = 0
    cached: int = 0


@dataclass(eq=False)
class Run:
    """The answers to one request; `pieces` gives them as they come, and `stop` ends them."""

    writers: Writers
    ask: Ask
    _cancel: threading.Event = field(default_factory=threading.Event)
    _pieces: asyncio.Queue[Piece | MidcourseError] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._futures: list[Future[None]] = []
        self._read = [threading.Event() for _ in self.ask.prompts]
        self._counts = [_Count() for _ in range(self.ask.count)]

    def begin(self, threads: ThreadPoolExecutor) -> None:
        """Let the answers begin as soon as there are threads for them."""
        self._futures = [threads.submit(self._write, number) for number in range(self.ask.count)]

    async def pieces(self) -> AsyncIterator[Piece]:
        """All pieces of all answers, those of one answer in order. Raises what has made it fail."""
        left = self.ask.count
        try:
            while left:
                piece = await self._pieces.get()
                if isinstance(piece, MidcourseError):
                    raise piece
                left -= piece.finish is not None
                yield piece
        finally:
            self.stop()

    def stop(self) -> None:
        """End all answers; may be called more than once."""
        self._cancel.set()
        for event in self._read:
            event.set()
        for future in self._futures:
            future.cancel()
        self.writers.forget(self)

    def fail(self, error: MidcourseError) -> None:
        """End all answers with an error; on the event loop."""
        self._pieces.put_nowait(error)
        self.stop()

    @property
    def waiting(self) -> int:
        """How many answers have not begun."""
        return sum(not (future.running() or future.done()) for future in self._futures)

    @property
    def tokens(self) -> tuple[int, int, int]:
        """Tokens of the prompts, those of them that were known already, and tokens written."""
        read = sum(len(prompt.ids) for prompt in self.ask.prompts)
        known = sum(count.cached for count in self._counts[:: self.ask.n])
        return read, known, sum(count.written for count in self._counts)

    # ---- in a thread of its own ----------------------------------------------------------------------------------

    def _write(self, number: int) -> None:
        place, again = divmod(number, self.ask.n)
        try:
            if again:
                self._read[place].wait()
            if not self._cancel.is_set():
                self._answer(number, place)
        except Gone:
            pass
        except BusyError as error:
            self._put(error)
        except MidcourseError as error:
            log.error("%s", error)
            self._put(FailedError(str(error)) if isinstance(error, UserError) else error)
        except Exception:
            log.exception("an answer failed")
            self._put(FailedError(FAILED))
        finally:
            self._read[place].set()

    def _answer(self, number: int, place: int) -> None:
        ask, prompt, count = self.ask, self.ask.prompts[place], self._counts[number]
        cut, ends = Cut(ask.model.tokenizer, ask.stops), ask.model.tokenizer.end_ids
        seat = self.writers.places.take(ask.model.around, prompt.ids, self._cancel)
        stream = seat.stream(
            prompt.ids,
            ask.drawn(number),
            max_tokens=ask.max_tokens,
            cancel=self._cancel,
            top=ask.top,
            neutral=prompt.neutral,
        )
        end: Step | None = None
        try:
            for step in stream:
                if not count.written:
                    count.cached = seat.last_reuse.reused
                    self.writers.places.read(seat)
                    self._read[place].set()
                count.written += 1
                if step.id in ends:
                    end = step
                    break
                text, steps = cut.feed(step)
                if text or steps:
                    self._put(Piece(number, text, steps))
                if cut.stopped:
                    break
        finally:
            stream.close()
            self.writers.places.give_back(seat)
        if self._cancel.is_set() and not (cut.stopped or end):
            return
        text, steps = ("", []) if cut.stopped else cut.rest()
        self._put(Piece(number, text, steps, "stop" if cut.stopped or end else "length", end))

    def _put(self, piece: Piece | MidcourseError) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
