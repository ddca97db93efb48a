"""What a job's process says of itself while it works, written to the store by a thread of its own.

Representation: points that are not written yet. The work never waits for the store: whoever reports appends a point,
and the thread writes what there is several times a second, with a heartbeat even if there is nothing, and learns from
the answer whether the job should stop.

Invariants: points are stored in the order in which they came, each once. A store that cannot be written for a while
(the disk is full, somebody holds it) costs nothing but time: the points wait.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self, Unpack

from midcourse.errors import MidcourseError, StoreError
from midcourse.learn.run.progress import Progress
from midcourse.store import Store
from midcourse.store.jobs import Change

EVERY = 0.25  # seconds between two writes
BEAT = 1.0  # seconds between two heartbeats
MOST = 2000  # points of a training's steps
PATIENCE = 60.0  # seconds that the last report waits for the store


class Reporter:
    """A context manager around the work of job `id`."""

    def __init__(self, store: Store, id: int) -> None:
        self._store = store
        self._id = id
        self._points: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._asked = False
        self._last: tuple[str, int, int] | None = None  # phase, epoch, and which of the `MOST` parts
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def __call__(self, progress: Progress) -> None:
        """A report of the work."""
        if progress.note is None and not self._worth(progress):
            return
        self.point(asdict(progress) | {"held_out": progress.held_out and dict(progress.held_out)})

    def point(self, point: dict[str, Any]) -> None:
        """A point, as it is."""
        with self._lock:
            self._points.append(point)

    def end(self, **change: Unpack[Change]) -> None:
        """Everything that is left to say, and what has become of the job."""
        self._over.set()
        self._thread.join()
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._store.jobs.report(self._id, self._points, **change)
                return
            except StoreError as error:
                print(error, file=sys.stderr)
                if time.monotonic() > until:
                    raise
            time.sleep(1)

    def _worth(self, progress: Progress) -> bool:
        """Whether a step is one that curves need: long trainings have many more."""
        part = progress.step * MOST // max(progress.steps, 1)
        here = (progress.phase, progress.epoch, part)
        worth = here != self._last or progress.step == progress.steps
        self._last = here
        return worth

    def _run(self) -> None:
        beat = 0.0
        while not self._over.wait(EVERY):
            with self._lock:
                points = list(self._points)
            try:
                if points:
                    self._store.jobs.report(self._id, points)
                    with self._lock:
                        del self._points[: len(points)]
                if time.monotonic() - beat >= BEAT:
                    beat = time.monotonic()
                    self._heard(self._store.jobs.beat(self._id))
            except MidcourseError as error:  # it waits until the store can be written again
                print(error, file=sys.stderr)

    def _heard(self, state: str) -> None:
        """The job should stop: as Ctrl-C asks for it, once."""
        if state == "stopping" and not self._asked:
            self._asked = True
            signal.raise_signal(signal.SIGINT)
