"""The model's text as it comes: an iterator of steps that keeps what it yields in the trace.

A `Stream` belongs to a session and works only while it holds the session's lock, one token at a time. Closing it from
any thread therefore takes at most one token, and afterwards the engine is free. Model text becomes spans of the
trace, and is saved, before more than `CHUNK_SECONDS` of it would be lost; a step is never yielded that is not in the
trace or on its way there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from threading import Event, RLock
from typing import Literal

from midcourse.engine.contract import Reuse, Step, Writer

__all__ = ["Stream", "Writer"]

CHUNK_SECONDS = 0.5
Ended = Literal["end", "limit", "stopped", "failed"]


class Stream(Iterator[Step]):
    """Steps of one run of the model; iterate it, or close it.

    `reuse` says how many of the context's tokens were already in the engine, `first_token_ms` how long the first token
    took; both are None before it. `ended` says why there are no more steps: the model ended the answer, a limit
    (`max_tokens`, the context) was reached, somebody stopped it, or it failed.
    """

    def __init__(
        self,
        steps: Callable[[Event], Iterator[Step]],
        keep: Callable[[list[Step]], None],
        *,
        lock: RLock,
        reuse: Callable[[], Reuse],
        end_ids: frozenset[int],
    ) -> None:
        self.reuse: Reuse | None = None
        self.first_token_ms: float | None = None
        self.ended: Ended | None = None
        self.pending: list[Step] = []  # yielded, not yet in the trace
        self.cancel = Event()
        self._open, self._keep, self._lock, self._reuse, self._end_ids = steps, keep, lock, reuse, end_ids
        self._steps: Iterator[Step] | None = None
        self._oldest = self._latest = 0.0  # when the first pending step and the last step came

    def __next__(self) -> Step:
        with self._lock:
            if self.ended is not None:
                raise StopIteration
            began = time.monotonic()
            try:
                if self._steps is None:
                    self._steps = self._open(self.cancel)
                step = next(self._steps)
            except StopIteration:
                self._close("stopped" if self.cancel.is_set() else "limit")
                raise
            except BaseException:
                self._close("failed")
                raise
            now = time.monotonic()
            if self.reuse is None:
                self.reuse, self.first_token_ms = self._reuse(), (now - began) * 1000
                self._latest = began
            if not self.pending:
                self._oldest = now
            self.pending.append(step)
            another = now - self._latest  # how long the next token will take, if it takes as long as this one
            self._latest = now
            if step.id in self._end_ids:
                self._close("end")
            elif now + another - self._oldest >= CHUNK_SECONDS:
                try:
                    self._flush()
                except BaseException:  # it could not be saved: the model stops, its text stays in memory
                    self._close("failed")
                    raise
            return step

    def close(self) -> None:
        """Stop the model within one token; what it wrote is kept. Callable from any thread, and more than once."""
        self.cancel.set()
        with self._lock:
            if self.ended is None:
                self._close("stopped")

    def _close(self, ended: Ended) -> None:
        self.ended = ended
        if isinstance(self._steps, Generator):
            self._steps.close()
        self._flush()

    def _flush(self) -> None:
        pending, self.pending = self.pending, []
        if pending:
            self._keep(pending)
