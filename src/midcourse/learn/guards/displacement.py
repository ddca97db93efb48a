"""Displacement: corrections that training makes *less* likely than they were.

Preference losses widen the distance between two sides, and can do so by lowering both (arXiv 2402.13228, 2410.08847).
Every correction is therefore followed by itself: its change is log π(c|x) − log π_ref(c|x), in nats over all of its
tokens, or, where no reference is computed, the change since the first epoch saw it. Each epoch sees each steer once,
before the update of its step. The first fall beyond the threshold is told when it happens; what became of all of them
stands in `metrics.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.objectives import Runs
from midcourse.words import listed

SHOWN = 3  # how many steers a notice names
LISTED = 20  # and how many metrics.json does

Key = tuple[int, int]  # the trace's number and the steer's


class Displacement:
    """The change of every correction so far. `threshold` in nats; 0 never alarms."""

    def __init__(self, examples: Sequence[Example], threshold: float, *, compared: bool) -> None:
        self.threshold = threshold
        self.compared = compared
        self._names = {example.number: example.name for example in examples}
        self._start: dict[Key, float] = {}
        self._change: dict[Key, float] = {}  # as last seen
        self._below: dict[int, int] = {}  # by epoch, how many were seen beyond the threshold
        self._first: dict[str, Any] | None = None

    def read(self, layout: Layout, chosen: Runs) -> list[tuple[Key, float]]:
        """The corrections of one pack, `chosen` in the layout's order, with their log-probabilities or ratios."""
        segments = [placed for placed in layout.segments if placed.segment.side == "chosen"]
        value_R = chosen.logp_R() if chosen.ref_T is None else chosen.ratio_R()
        found = []
        for placed, value in zip(segments, value_R.tolist(), strict=True):
            assert placed.segment.steer is not None
            found.append(((layout.examples[placed.example].number, placed.segment.steer), value))
        return found

    def see(self, corrections: Sequence[tuple[Key, float]], *, epoch: int, step: int) -> str | None:
        """Take in what `read` gave; the alarm if this is the first."""
        fallen = []
        for key, value in corrections:
            change = value if self.compared else value - self._start.setdefault(key, value)
            self._change[key] = change
            if self.threshold and change < -self.threshold:
                fallen.append(key)
        if not fallen:
            return None
        self._below[epoch] = self._below.get(epoch, 0) + len(fallen)
        if self._first is not None:
            return None
        self._first = {"epoch": epoch, "step": step, **self._entry(min(fallen, key=self._change.__getitem__))}
        return (
            f"displacement in step {step}: corrections fall by more than {self.threshold:g} nats below where they "
            f"{self._stood}, first {self._named(fallen)}; the others are counted in metrics.json"
        )

    @property
    def notice(self) -> str | None:
        """What to tell at the end: how many corrections are displaced, the worst of them, and what helps."""
        below = self._displaced
        if not below:
            return None
        return (
            f"displacement: {len(below)} of {len(self._change)} corrections ended more than {self.threshold:g} nats "
            f"below where they {self._stood}: {self._named(below)}; use dpop, add sft, or lower the learning rate"
        )

    def metrics(self) -> dict[str, Any]:
        """For `metrics.json`: the worst steers as last seen, how many were displaced in each epoch, the first alarm."""
        worst = sorted(self._displaced, key=self._change.__getitem__)
        return {
            "against": "reference" if self.compared else "first epoch",
            "threshold_nats": self.threshold,
            "steers": len(self._change),
            "displaced": len(worst),
            "displaced_by_epoch": {str(epoch): count for epoch, count in sorted(self._below.items())},
            "first": self._first,
            "worst": [self._entry(key) for key in worst[:LISTED]],
        }

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to hold."""
        return {
            "start": [[*key, value] for key, value in self._start.items()],
            "change": [[*key, value] for key, value in self._change.items()],
            "below": [[epoch, count] for epoch, count in self._below.items()],
            "first": self._first,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._start = {(trace, steer): value for trace, steer, value in state["start"]}
        self._change = {(trace, steer): value for trace, steer, value in state["change"]}
        self._below = dict(state["below"])
        self._first = state["first"]

    @property
    def _displaced(self) -> list[Key]:
        return [key for key, change in self._change.items() if self.threshold and change < -self.threshold]

    @property
    def _stood(self) -> str:
        return "were before training" if self.compared else "were in the first epoch"

    def _named(self, keys: Sequence[Key]) -> str:
        worst = sorted(keys, key=self._change.__getitem__)
        return listed([f"{self._names[key[0]]}, steer {key[1]} ({self._change[key]:+.1f})" for key in worst], SHOWN)

    def _entry(self, key: Key) -> dict[str, Any]:
        return {"trace": key[0], "name": self._names[key[0]], "steer": key[1], "change": self._change[key]}
