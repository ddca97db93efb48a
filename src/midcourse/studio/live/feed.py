"""Events on their way from whoever makes them, in any thread, to the tabs that listen.

Representation: a `Listener` has the events of its one trace in order, and of everything else (rows, jobs, models) the
latest of each. Both are bounded: a tab that does not keep up with its trace loses what is on its way and gets a fresh
snapshot instead, so it never holds anybody up and still ends with the truth.

Invariant: applied in order, what a listener yields about its trace is the trace as it is.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from pydantic import BaseModel

MOST = 256  # events of a trace that wait for one tab
MOST_OTHERS = 1024  # rows, jobs and models that wait for one tab; the oldest are dropped


@dataclass(eq=False)
class Event:
    """An event; its JSON is made once, by whoever sends it first."""

    kind: str
    data: BaseModel
    _json: str | None = None

    @property
    def json(self) -> str:
        """The data."""
        if self._json is None:
            self._json = self.data.model_dump_json()
        return self._json


class Listener:
    """One tab. `snapshot` gives the present state of its trace, and is called within `lock`, the trace's own."""

    def __init__(self, trace: str | None, snapshot: Callable[[], Event] | None, lock: threading.RLock) -> None:
        self.trace = trace
        self.closed = False
        self._snapshot = snapshot
        self._lock = lock  # what happens to the trace, and what is told of it, is one
        self._events: deque[Event] = deque()
        self._behind = snapshot is not None  # the first event is a snapshot
        self._others: dict[tuple[str, str], Event] = {}
        self._others_lock = threading.Lock()  # of its own: whoever tells of one trace may hold that one's lock
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        self._rung = False

    def put(self, event: Event) -> None:
        """Tell about the trace; called within its lock."""
        if self._behind:
            return
        if len(self._events) >= MOST:
            self._events.clear()
            self._behind = True
        else:
            self._events.append(event)
        self.ring()

    def put_other(self, key: tuple[str, str], event: Event) -> None:
        """Tell about something else, in the place of what was last said about the same."""
        with self._others_lock:
            self._others.pop(key, None)
            self._others[key] = event
            if len(self._others) > MOST_OTHERS:
                del self._others[next(iter(self._others))]
        self.ring()

    def ring(self) -> None:
        """Wake whoever waits for events."""
        if not self._rung:
            self._rung = True
            try:
                self._loop.call_soon_threadsafe(self._bell.set)
            except RuntimeError:  # the loop is closed, and with it the tab's connection
                self.closed = True

    def take(self) -> list[Event]:
        """What there is to say now."""
        with self._others_lock:
            others = list(self._others.values())
            self._others.clear()
        with self._lock:
            found = [*self._events, *others]
            self._events.clear()
            if self._behind and self._snapshot is not None:
                self._behind = False
                found.insert(0, self._snapshot())
        return found

    async def events(self) -> AsyncIterator[Event]:
        """All that happens, until the listener is closed."""
        while not self.closed:
            self._bell.clear()
            self._rung = False
            for event in self.take():
                yield event
            if not self.closed:
                await self._bell.wait()


class Feed:
    """All listeners."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def publish(self, kind: str, data: BaseModel) -> None:
        """Tell every tab about a row, a job, or the models; of the same one, a slow tab hears the latest only."""
        event, key = Event(kind, data), (kind, str(getattr(data, "id", "")))
        for listener in self.all():
            listener.put_other(key, event)

    def add(self, listener: Listener) -> None:
        """Let somebody listen."""
        with self._lock:
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Somebody has gone."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def all(self) -> list[Listener]:
        """Who listens now."""
        with self._lock:
            return list(self._listeners)

    def close(self) -> None:
        """End every stream."""
        for listener in self.all():
            listener.closed = True
            listener.ring()
