"""Where a run is: what is counted of the current epoch, what the finished ones came to, and whether it is to end.

Clocks run only while there is training: what is spent on looking at held-out steers is taken out (`pause`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from midcourse.learn.run.trackers import Interval
from midcourse.learn.tally import Tally


class Course:
    """Counted by the loop, read by whoever reports. `compared` says that there is a reference."""

    def __init__(self, *, compared: bool) -> None:
        self.compared = compared
        self.tally = Tally()
        self.tokens = 0
        self.interval = Interval(self.tally, 0, 0.0)
        self.history: list[dict[str, Any]] = []
        self.asked = False  # to stop, in any of the processes
        self.stopped = False  # because it was asked for
        self._before = 0.0  # seconds of the current epoch, in a run before this one
        self._first = 0  # the step that this run goes on from
        self._epoch_started = self._started = time.perf_counter()

    def begin(self, step: int) -> None:
        """Training begins after `step`."""
        self._started, self._first = time.perf_counter(), step

    def begin_epoch(self, *, anew: bool) -> None:
        """An epoch begins: `anew`, or where a run before this one was in it."""
        if anew:
            self.tally, self.tokens, self._before = Tally(), 0, 0.0
            self.interval = Interval(self.tally, 0, 0.0)
        self._epoch_started = time.perf_counter() - self._before

    @property
    def seconds(self) -> float:
        """Seconds of the current epoch."""
        return time.perf_counter() - self._epoch_started

    def seconds_left(self, step: int, steps: int) -> float:
        """How long the steps after `step` will take at the speed until now."""
        return (time.perf_counter() - self._started) / (step - self._first) * (steps - step)

    def pause(self, seconds: float) -> None:
        """So many seconds were not spent on training."""
        self._epoch_started += seconds
        self._started += seconds

    def means(self) -> dict[str, Any]:
        """What the current epoch came to so far."""
        return self.tally.means(compared=self.compared)

    def close(self, epoch: float, seconds: float) -> None:
        """The current epoch is over, after so many epochs and `seconds`."""
        self.history.append({"epoch": epoch, "seconds": seconds, "tokens": self.tokens, **self.means()})

    def since(self) -> dict[str, float]:
        """Means since the call before, for trackers."""
        return self.interval.numbers(self.tally, self.tokens, self.seconds, compared=self.compared)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        tally = {name: getattr(self.tally, name) for name in Tally.__slots__}
        return {"history": self.history, "tally": tally, "tokens": self.tokens, "seconds": self.seconds}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's `state`."""
        self.history, self.tokens, self._before = state["history"], state["tokens"], state["seconds"]
        self.tally = Tally(**state["tally"])
        self.interval = Interval(self.tally, self.tokens, self._before)
