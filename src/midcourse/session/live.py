"""A trace that is written on: by at most one stream of model text at a time, and by changes that are saved or not made.

Invariants:
- A change is saved before it returns; when saving fails, the trace in memory is as it was before the change.
- No change while the model writes: it is stopped first, and what it wrote is kept and saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import isnan
from threading import Event, RLock

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import Step
from midcourse.errors import ContextError, SteerError
from midcourse.session import runs
from midcourse.session.stream import Stream, Writer
from midcourse.trace import ROOT, Point, Trace
from midcourse.words import counted


class Live:
    """A trace, the engine that extends it, and the function that saves it. `stream` is the model's last run."""

    def __init__(self, trace: Trace, engine: Writer, save: Callable[[Trace], object]) -> None:
        self.trace = trace
        self.engine = engine
        self.save = save
        self.stream: Stream | None = None
        self.lock = RLock()
        self._at = ROOT  # where the stream's pending steps belong

    def answer(self) -> list[int]:
        """The answer's ids at this moment, with what the model has written but is not a span yet."""
        with self.lock:
            stream = self.stream
            if stream is None or not stream.pending:
                return self.trace.answer(self.trace.head)
            return [*self.trace.answer(self._at), *(step.id for step in stream.pending)]

    def settle(self) -> None:
        """End a running stream within one token, so that the trace is complete and the engine free."""
        if self.stream is not None:
            self.stream.close()

    @contextmanager
    def change(self, *, finished: bool = False) -> Iterator[Trace]:
        """Around every change. Raises `SteerError` if the answer is finished, unless the change is about that."""
        self.settle()
        with self.lock:
            self.settle()  # another thread may have resumed meanwhile
            trace = self.trace
            if trace.finished and not finished:
                raise SteerError("the answer is finished; take that back before you change it")
            before = (len(trace.spans), len(trace.steers), list(trace.history), trace.cursor, trace.finished)
            try:
                yield trace
                self.save(trace)
            except BaseException:
                spans, steers, trace.history, trace.cursor, trace.finished = before
                del trace.spans[spans:], trace.steers[steers:]
                raise

    @contextmanager
    def note(self) -> Iterator[Trace]:
        """Around a change of what is said about the trace and its steers; the model goes on writing meanwhile."""
        with self.lock:
            trace = self.trace
            before = (list(trace.steers), trace.tags, dict(trace.attributes))
            try:
                yield trace
                self.save(trace)
            except BaseException:
                trace.steers, trace.tags, trace.attributes = before
                raise

    @property
    def place(self) -> Point:
        """Where the answer as it is shown ends, but for pending text: the head, or where the model writes."""
        return self._at if self.stream is not None and self.stream.ended is None else self.trace.head

    def write(self, at: Point, max_tokens: int | None, sampling: Sampling, top: int) -> Stream:
        """Let the model go on after `at`, with the seed that belongs there. Call it with the lock held, settled."""
        trace, engine = self.trace, self.engine
        if trace.finished:
            raise SteerError("the answer is finished; take that back before you change it")
        if at.span is not None and trace.spans[at.span].ids[at.length - 1] in trace.end_ids:
            raise SteerError("the answer has ended here; steer before its end, or finish it")
        ids = [*trace.prompt, *trace.answer(at)]
        room = engine.context_length - len(ids)
        if room <= 0:
            raise ContextError(
                f"the conversation and the answer have {counted(len(ids), 'token')}, and {engine.model_name} sees "
                f"no more than {engine.context_length}; finish the answer or go back"
            )
        seeded, neutral = self.guided(at, self.seeded(at, sampling))
        limit = room if max_tokens is None else min(max_tokens, room)

        def steps(cancel: Event) -> Iterator[Step]:
            return engine.stream(ids, seeded, max_tokens=limit, cancel=cancel, top=top, neutral=neutral)

        self._at = at
        self.stream = Stream(steps, self._keep, lock=self.lock, reuse=lambda: engine.last_reuse, end_ids=trace.end_ids)
        return self.stream

    def seeded(self, at: Point, sampling: Sampling) -> Sampling:
        """`sampling` with the seed that a run of the model has which begins, or goes on, at that place."""
        return replace(sampling, seed=sampling.seed + runs.SEED_STRIDE * runs.attempt(self.trace, at))

    def guided(self, at: Point, sampling: Sampling) -> tuple[Sampling, list[int] | None]:
        """`sampling`, and what its guidance leads away from at that place; where nothing is asked for, it has none."""
        if sampling.guidance == 1:
            return sampling, None
        plain = self.engine.tokenizer.prompt(self.trace.messages)
        if plain == list(self.trace.prompt):
            return replace(sampling, guidance=1.0), None
        return sampling, [*plain, *self.trace.answer(at)]

    def keep(self, ids: Sequence[int], logprobs: Sequence[float] | None, at: Point) -> Point:
        """Make model text that follows `at` a span and put the head at its end, which is returned. Not saved.

        Where one log-probability is not known (NaN), the span has none.
        """
        trace = self.trace
        if logprobs is not None and any(map(isnan, logprobs)):
            logprobs = None
        if at == trace.head:
            return trace.end_of(trace.grow(ids, "model", logprobs).id)
        end = trace.end_of(trace.branch(at, ids, "model", logprobs).id)
        trace.move(end)  # written again from further back: the head jumps there in one undo step
        return end

    def _keep(self, steps: Sequence[Step]) -> None:
        self._at = self.keep([step.id for step in steps], [step.logprob for step in steps], self._at)
        self.save(self.trace)
