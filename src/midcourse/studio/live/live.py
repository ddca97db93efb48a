"""All live traces: opened when somebody asks for them, closed when nobody has for a while.

Runs of the model have a thread each, at most `AT_ONCE` at a time; others wait in order. A run that nobody watches for
`GRACE` seconds is stopped: a tab that was closed stops its model, one that is reloaded does not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from midcourse import exchange
from midcourse.errors import BusyError, MidcourseError, UserError
from midcourse.session import Session
from midcourse.store import Store
from midcourse.studio.errors import MissingError
from midcourse.studio.live import commands
from midcourse.studio.live.feed import Feed, Listener
from midcourse.studio.live.run import Run
from midcourse.studio.live.seating import Seating, remember, told
from midcourse.studio.live.trace import LiveTrace
from midcourse.studio.live.wordless import Wordless
from midcourse.studio.schemas.traces import Done, NewTrace, SamplingView, TraceChange
from midcourse.switch import Reads
from midcourse.trace import Trace
from midcourse.trace.text import Tokenizer, to_text

AT_ONCE = 16  # runs that write at a time
WAITING = 64  # runs that wait to begin
GRACE = 5.0  # seconds: a page that is reloaded over a slow line needs some
LOOK = 0.25  # seconds between two looks at who watches
OPEN = 32  # traces that are kept open though nobody looks at them
log = logging.getLogger("midcourse.studio")


class Live:
    """The open traces of one store, on one desk."""

    def __init__(self, store: Store, desk: Seating) -> None:
        self.store = store
        self.desk = desk
        self.feed = Feed()
        self.reads: Reads = lambda _: None
        self._traces: dict[str, LiveTrace] = {}
        self._opening = threading.Lock()
        self._runs: dict[Run, Future[None]] = {}
        self._counting = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE, "run")
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Stop what is being written, and keep it; end every stream of events."""
        self._closing.set()
        self.feed.close()
        self.stop_all()
        self._threads.shutdown()
        self._keeper.join()

    # ---- traces --------------------------------------------------------------------------------------------------

    def open(self, id: str) -> LiveTrace:
        """The live trace with this id. Raises `MissingError` if there is none."""
        with self._opening:
            found = self._traces.get(id)
            if found is None:
                found = self._add(self.stored(id))
            found.used = time.monotonic()
            return found

    def stored(self, id: str) -> Trace:
        """The trace in the store. Raises `MissingError` if there is none."""
        try:
            return self.store.get(id)
        except UserError as error:
            if "there is no trace" in str(error):
                raise MissingError(f"there is no conversation {id!r}") from None
            raise

    def start(self, new: NewTrace) -> Done:
        """Begin a conversation; it is stored when this returns."""
        seat = self.desk.seat()
        try:
            if new.attributes and told(seat.tokenizer) is None:
                raise UserError(
                    "the model as it is now has not learned to be told attributes; switch to an adapter that has, or "
                    "ask for none"
                )
            session = Session.start(
                [message.model_dump() for message in new.messages],
                seat,
                self.saving(seat.tokenizer),
                author=self.author(),
                tags=new.tags,
                attributes=new.attributes,
            )
        finally:
            self.desk.leave(seat)
        return commands.begun(self.begin(session.trace, new.sampling), new)

    def change(self, id: str, change: TraceChange) -> Done:
        """Change what is said about a conversation."""
        return commands.change(self.open(id), change)

    @asynccontextmanager
    async def listening(self, trace: LiveTrace | None) -> AsyncIterator[Listener]:
        """Somebody listens for as long as this lasts: to a trace, and to what concerns everybody."""
        listener = trace.listen() if trace is not None else Listener(None, None, threading.RLock())
        self.feed.add(listener)
        try:
            yield listener
        finally:
            self.feed.remove(listener)
            if trace is not None:
                trace.unlisten(listener)

    def begin(self, trace: Trace, sampling: SamplingView) -> LiveTrace:
        """A new trace, which is stored already."""
        self.store.remember(_key(trace.id), sampling.model_dump())
        with self._opening:
            return self._add(trace, sampling)

    def is_writing(self, id: str) -> bool:
        """Whether the model is writing in this trace."""
        found = self._traces.get(id)
        return found is not None and found.writing

    def reload(self, ids: list[str]) -> None:
        """These traces were changed in the store by somebody else."""
        for id in ids:
            if (found := self._traces.get(id)) is not None:
                found.reload(self.stored(id))

    def forget(self) -> None:
        """Other weights are in use: what the model named as likely before says nothing any more."""
        for trace in list(self._traces.values()):
            trace.forget()

    def reopen(self) -> None:
        """Another adapter is on, perhaps with another tokenizer: some traces can be steered no more, or again."""
        for trace in list(self._traces.values()):
            trace.reopen(*self._read(trace.trace))

    def annotate(self, id: str, number: int, **notes: Any) -> Done:
        """Change what a steer says about itself (reason, tags, weight, aside, serves). Raises `MissingError`."""
        from midcourse.session.notes import annotate

        trace = self.open(id)
        if not 0 <= number < len(trace.trace.steers):
            raise MissingError(f"there is no steer {number} in this conversation")
        with trace.noting() as live:
            annotate(live, number, **notes)
        return trace.done(number)

    def sample(self, trace: LiveTrace, sampling: SamplingView) -> None:
        """Keep how the model writes in a trace."""
        self.store.remember(_key(trace.id), sampling.model_dump())
        trace.sampling = sampling

    def author(self) -> str | None:
        """Whose steers these are."""
        kept = self.store.recall("preferences")
        return (kept.get("author") if isinstance(kept, dict) else None) or None

    def saving(self, tok: Tokenizer) -> Callable[[Trace], None]:
        """How a trace of this tokenizer is saved."""
        return lambda trace: self.store.save(trace, lambda ids: to_text(tok, ids))

    def publish_row(self, trace: LiveTrace) -> None:
        """Tell everybody about a trace of the list."""
        if not self._closing.is_set():
            self.feed.publish("row", trace.row())

    # ---- runs ----------------------------------------------------------------------------------------------------

    def room(self) -> None:
        """Raises `BusyError` if no more can wait for the model."""
        if self._closing.is_set():
            raise BusyError("the studio is being closed")
        if len(self._runs) >= AT_ONCE + WAITING:
            raise BusyError("too many answers are being written; stop some, or try again later")

    def ahead(self) -> int:
        """How many runs have to end before another one can begin."""
        return max(0, len(self._runs) - AT_ONCE + 1)

    def run(self, run: Run) -> None:
        """Let a run begin as soon as there is a thread for it."""
        with self._counting:
            future = self._threads.submit(run)
            self._runs[run] = future
        future.add_done_callback(lambda _: self._runs.pop(run, None))

    def withdraw(self, run: Run) -> bool:
        """Take back a run that has not begun; False if it has."""
        with self._counting:
            future = self._runs.get(run)
        return future is not None and future.cancel()

    def stop_all(self) -> None:
        """Stop every run; what was written is kept."""
        for trace in list(self._traces.values()):
            self._stop(trace)

    def _stop(self, trace: LiveTrace, *, left: bool = False) -> None:
        try:
            trace.stop(left=left)
        except MidcourseError as error:
            log.error("the last words of %s could not be saved: %s", trace.id, error)

    def _keep(self) -> None:
        """Stop runs that nobody watches, and close traces that nobody uses."""
        while not self._closing.wait(LOOK):
            now = time.monotonic()
            for run in list(self._runs):
                # looks are counted, not seconds: while the machine sleeps or stalls, nobody can come back
                run.unwatched = 0.0 if run.trace.listeners else run.unwatched + LOOK
                if run.unwatched > GRACE:
                    self._stop(run.trace, left=True)
            with self._opening:
                idle = [trace for trace in self._traces.values() if not trace.listeners and not trace.writing]
                for trace in sorted(idle, key=lambda trace: trace.used)[: max(0, len(self._traces) - OPEN)]:
                    if now - trace.used > 60:
                        del self._traces[trace.id]
                        self.desk.leave(trace.seat)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _add(self, trace: Trace, sampling: SamplingView | None = None) -> LiveTrace:
        tok, readonly = self._read(trace)
        if sampling is None:
            kept = self.store.recall(_key(trace.id))
            sampling = SamplingView() if kept is None else SamplingView(**kept)
        made = LiveTrace(self, trace, self.desk.seat(), tok, sampling, readonly)
        self._traces[trace.id] = made
        return made

    def _read(self, trace: Trace) -> tuple[Tokenizer, str | None]:
        """The tokenizer of a trace, which keeps its own, and why the model as it is now cannot go on with it."""
        tok = self.desk.tokenizer
        if trace.tokenizer == tok.fingerprint:
            remember(tok, trace.messages)
            return tok, None
        found = self.reads(trace.tokenizer)
        if found is None:
            why = (
                f"it was written with {trace.model}, and {self.desk.model_name} has another tokenizer; "
                "export it and import it for this model to steer it"
            )
            return self._other(trace.model, trace.tokenizer), why
        adapter, tok = found
        if adapter is None:
            return tok, (
                "it was written without the special tokens of the adapter that is on; switch to another one, or to "
                "none, to steer it, or begin a new conversation"
            )
        return tok, f"it was written with the special tokens of the adapter {adapter}; switch to that to steer it"

    def _other(self, model: str, fingerprint: str) -> Tokenizer:
        """The tokenizer of another model, or one without words where it cannot be had.

        A trace's model is whatever an imported file says: only names that the store's owner has given are looked up.
        """
        from midcourse.models import load_tokenizer

        if model not in exchange.known(self.store):
            return Wordless()
        try:
            found: Tokenizer = exchange.extended(self.store, load_tokenizer(model), fingerprint)
        except MidcourseError:
            return Wordless()
        return found if found.fingerprint == fingerprint else Wordless()


def _key(id: str) -> str:
    return f"sampling/{id}"
