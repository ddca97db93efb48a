"""A trace that is open: its session, what the page sees of it, and who listens.

Representation: `tokens` and `_rest` are the trace as it was told last, `version` counts its changes. A snapshot and the
events after it are made within `lock`, so all tabs see one sequence. A command holds `_commands` for as long as it
takes; nobody who only looks waits for the model.

Invariants: a command is on disk before it returns. A command that was meant for another version is refused. What is
told is what the store will hold, but for the last half second of the model's text.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from midcourse.engine.sampling import Sampling, Step
from midcourse.errors import BusyError, MidcourseError, StoreError
from midcourse.session import Session, Stream
from midcourse.session.live import Live as LiveSession
from midcourse.session.notes import asked_for
from midcourse.studio.errors import StaleError
from midcourse.studio.live.feed import Event, Listener
from midcourse.studio.live.run import Run
from midcourse.studio.live.seating import Seat, told
from midcourse.studio.live.tokens import Tokens
from midcourse.studio.live.tree import Tree
from midcourse.studio.live.views import look, row
from midcourse.studio.schemas.traces import (
    AlternativeView,
    Done,
    Draft,
    RunEvent,
    RunView,
    SamplingView,
    TokenEvent,
    TraceRowView,
    TraceView,
)
from midcourse.trace import Point, Trace
from midcourse.trace.text import Tokenizer

if TYPE_CHECKING:
    from midcourse.studio.live.live import Live

TOP = 10
FAR = 512  # tokens that reading ahead may undo: they are read again if it comes to nothing


class LiveTrace:
    """One open trace. `session` is None where the model that is loaded cannot go on with it; `readonly` says why."""

    def __init__(
        self, live: Live, trace: Trace, seat: Seat, tok: Tokenizer, sampling: SamplingView, readonly: str | None
    ) -> None:
        self.live = live
        self.seat = seat
        self.readonly = readonly
        self.sampling = sampling
        self.lock = threading.RLock()
        self.version = int(time.time() * 1000)  # beyond all that were there before a restart
        self.run: Run | None = None
        self.used = time.monotonic()
        self.listeners: list[Listener] = []
        self._commands = threading.Lock()
        self._asked = 0.0  # when the command that is carried out was asked for, by `time.perf_counter`
        self.goes_on = False  # the command that is carried out lets the model go on from what it changes
        self._beginning: Run | None = None  # what the command that is carried out lets the model write
        self._run_view = RunView(state="idle")
        self._tok = tok
        self._set(trace)

    def _set(self, trace: Trace) -> None:
        self.id = trace.id
        self.trace = trace
        self.tokens = Tokens(self._tok)
        self.tree = Tree(trace, self.tokens.text)
        keep = self.live.saving(self._tok)

        def save(trace: Trace) -> None:
            if self.goes_on and not self._ends(trace):
                self.seat.prepare([*trace.prompt, *trace.answer(trace.head)])  # the model reads while the disk writes
            keep(trace)

        self.session = Session(trace, self.seat, save) if self.readonly is None else None
        self.notes = self.session.live if self.session else LiveSession(trace, self.seat, save)
        self.tokens.follow(trace, trace.head)
        self._rest = self._look(trace.head)

    # ---- what is seen of it --------------------------------------------------------------------------------------

    def view(self, keep: int = 0) -> TraceView:
        """The trace as it was told last, without its first `keep` tokens."""
        with self.lock:
            return TraceView(
                version=self.version,
                keep=keep,
                tokens=self.tokens.views[keep:],
                run=self._run_view,
                sampling=self.sampling,
                **self._rest,
            )

    def row(self) -> TraceRowView:
        """The trace in the list."""
        with self.lock:
            return row(self.trace, self.tokens, writing=self.writing)

    @property
    def writing(self) -> bool:
        """Whether the model writes, or is about to."""
        return self.run is not None

    def listen(self) -> Listener:
        """A new listener, who hears the present state first."""
        with self.lock:
            listener = Listener(self.id, lambda: Event("trace", self.view()), self.lock)
            self.listeners.append(listener)
            return listener

    def unlisten(self, listener: Listener) -> None:
        """A listener has gone."""
        with self.lock:
            if self.run is not None:
                self.run.unwatched = 0.0
            if listener in self.listeners:
                self.listeners.remove(listener)

    def alternatives(self, version: int, depth: int) -> list[AlternativeView]:
        """The likeliest tokens at `depth`. Raises `StaleError` for another version."""
        with self.lock:
            self._check(version)
            if depth > len(self.tokens):
                raise StaleError(f"the answer has {len(self.tokens)} tokens by now; look again")
            known = self.tokens.tops[depth] if depth < len(self.tokens) else None
            ids, pending = [*self.trace.prompt, *self.tokens.ids(depth)], self.tokens.pending(depth)
        most = TOP if self.seat.top is None else min(TOP, self.seat.top)
        if known is None or len(known) < most:
            self._steerable()
            known = self.seat.alternatives(ids, most)
            with self.lock:
                if version == self.version:
                    self.tokens.note(depth, known)
        return self.tokens.alternatives(known, pending)

    # ---- commands ------------------------------------------------------------------------------------------------

    @contextmanager
    def command(self, version: int | None = None) -> Iterator[Session]:
        """Around a change of the answer: the model is stopped first, and who listens hears of it afterwards.

        Raises `StaleError` if another version is there by now.
        """
        asked = time.perf_counter()
        with self._commands:
            self.used, self._asked = time.monotonic(), asked
            if version is not None:
                with self.lock:
                    self._check(version)
            session = self._steerable()
            self.seat.expect(None)
            self._halt()
            self._beginning, self.goes_on = None, False
            try:
                yield session
            except StoreError:
                self._elsewhere()
                raise
            except BaseException:
                with self.lock:  # the trace is as it was when the model was stopped
                    self.refresh()
                raise
            finally:
                self.goes_on = False
            with self.lock:  # what the run has to tell waits until this is told
                self._begin()
                self._changed()
        self.live.publish_row(self)

    @contextmanager
    def noting(self) -> Iterator[LiveSession]:
        """Around a change of what is said about the trace; the model goes on writing."""
        self.used = time.monotonic()
        yield self.notes
        with self.lock:  # no token has changed, so the version stays, and whoever is steering just then goes on
            self._rest = self._look(self.notes.place)
            self._tell("trace", self.view(len(self.tokens)))
        self.live.publish_row(self)

    def go_on(self, write: Callable[[], Stream]) -> None:
        """Within a command: let the model write. `write` gives the stream; that it cannot is told, not raised."""
        try:
            self.live.room()
            stream = write()
        except MidcourseError as error:
            self._run_view = RunView(state="idle", ended="failed", message=str(error))
            return
        run = Run(self, stream, self._asked, self.live.ahead())
        with self.lock:
            self.run = self._beginning = run
            self._run_view = run.view
        self.seat.reading = lambda reuse: run.reads(reuse.fed, reuse.reused)

    def draft(self, asked: Draft) -> None:
        """Somebody types a correction: what the model would go on from is read ahead, while nobody needs the model.

        Nothing is changed, and nothing is told: what does not fit any more is passed over.
        """
        if self.session is None or not self._commands.acquire(blocking=False):
            return
        try:
            with self.lock:
                fits = asked.version == self.version and self.run is None
                near = len(self.tokens) - asked.depth <= FAR
            if not asked.text:
                self.seat.expect(None)
            elif fits and near:
                self.seat.expect(self.session.after(asked.text, asked.depth, asked.stop))
        finally:
            self._commands.release()

    def stop(self, *, left: bool = False) -> None:
        """Stop the model within one token, if it writes."""
        with self._commands:
            if (run := self.run) is not None:
                run.left = left
                self._halt(quiet=False)

    def done(self, steer: int | None = None) -> Done:
        """What a command answers."""
        return Done(trace=self.id, version=self.version, steer=steer)

    def sample(self) -> Sampling:
        """How the model writes here."""
        return Sampling(**self.sampling.model_dump(exclude={"max_tokens"}))

    def asked(self) -> bool:
        """Whether attributes are part of what the model has read: then its prompt is not the conversation alone."""
        return self.session is not None and asked_for(self.trace, self._tok)

    def still_asked(self) -> dict[str, float]:
        """What was asked for, as far as the model as it is now can be asked for it."""
        dials = told(self.seat.tokenizer)
        if dials is None or not self.asked():
            return {}
        wrong = {name for name, _ in dials.attributes.wrong(self.trace.attributes)}
        return {name: value for name, value in self.trace.attributes.items() if name not in wrong}

    def reload(self, trace: Trace) -> None:
        """Another program has changed the trace: this is what it is now."""
        with self._commands:
            self._halt()
            with self.lock:
                self._set(trace)
                self.version += 1
                self._tell("trace", self.view())
        self.live.publish_row(self)

    def reopen(self, tok: Tokenizer, readonly: str | None) -> None:
        """The model can go on with the trace by now, or can no more: `readonly` says why."""
        if readonly == self.readonly:
            return
        with self._commands:
            self._halt()
            with self.lock:
                self._tok, self.readonly = tok, readonly
                self._set(self.trace)
                self.version += 1
                self._tell("trace", self.view())

    def forget(self) -> None:
        """Forget which tokens were likely: the weights are others."""
        with self.lock:
            self.tokens.forget()

    # ---- what the run says ---------------------------------------------------------------------------------------

    def wrote(self, step: Step) -> None:
        """The model has written another token; within the lock."""
        depth = len(self.tokens)
        pending = self.tokens.pending(depth)
        token = self.tokens.write(step)
        if self.listeners:
            options = self.tokens.alternatives(step.top, pending)
            self._tell(
                "token",
                TokenEvent(trace=self.id, version=self.version, depth=depth, token=token, alternatives=options),
            )

    def tell_run(self, run: Run) -> None:
        """What the model is doing has changed; within the lock."""
        if run is self.run:
            self._run_view = run.view
            self._tell("run", RunEvent(trace=self.id, version=self.version, run=run.view))

    def ended(self, run: Run) -> None:
        """The run is over, and all it wrote is saved."""
        with self.lock:
            assert run is self.run
            self.run = None
            self._run_view = run.view
            if not run.quiet:
                self.refresh()
        if not run.quiet:
            self.live.publish_row(self)

    # ---- inside --------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Tell what the trace is now, where that is not what was told last; within the lock."""
        shown = [view.id for view in self.tokens.views]
        keep = self.tokens.follow(self.trace, self.notes.place)
        if [view.id for view in self.tokens.views] != shown:
            self.version += 1
        self._rest = self._look(self.notes.place)
        self._tell("trace", self.view(keep))

    def _changed(self) -> None:
        """Tell a new version; within the lock."""
        self.version += 1
        place = self.notes.place
        keep = self.tokens.follow(self.trace, place)
        self._rest = self._look(place)
        self._tell("trace", self.view(keep))

    def _elsewhere(self) -> None:
        """A change could not be saved: if another program has changed the trace, take it as it is now.

        Raises `StaleError` then.
        """
        try:
            stored = self.live.stored(self.id)
        except MidcourseError:  # it cannot be read either
            stored = self.trace
        with self.lock:
            spans, steers = self.trace.spans[: len(stored.spans)], self.trace.steers[: len(stored.steers)]
            if (stored.spans, stored.steers) == (spans, steers):
                self.refresh()
                return
            self._set(stored)
            self.version += 1
            self._tell("trace", self.view())
        raise StaleError("another program has changed this answer; look at it, and do it again")

    def _tell(self, kind: str, data: Any) -> None:
        event = Event(kind, data)
        for listener in self.listeners:
            listener.put(event)

    def _halt(self, *, quiet: bool = True) -> None:
        """Stop the model, and wait until its run has told all it will tell."""
        run = self.run
        if run is None or self.session is None:
            return
        run.quiet = quiet
        failed: MidcourseError | None = None
        try:
            run.stream.close()
        except MidcourseError as error:  # its last words could not be saved; the next change saves them, too
            failed = error
        if self.live.withdraw(run):
            run.end()
        run.over.wait()
        if failed is not None and not quiet:
            raise failed

    def _begin(self) -> None:
        if self._beginning is not None:
            self.live.run(self._beginning)

    def _ends(self, trace: Trace) -> bool:
        span, length = trace.head
        return span is not None and trace.spans[span].ids[length - 1] in trace.end_ids

    def _check(self, version: int) -> None:
        if version != self.version:
            raise StaleError("the answer has changed meanwhile; look at it, and do it again")

    def _steerable(self) -> Session:
        if self.session is None:
            raise BusyError(self.readonly or "this answer cannot be steered")
        return self.session

    def _look(self, at: Point) -> dict[str, Any]:
        return {
            **look(self.trace, self.tree, at),
            "context_length": self.seat.context_length,
            "readonly": self.readonly,
            "ended": bool(self.tokens.views) and self.tokens.views[-1].ends,
        }
