"""What the finished cells say about the goals, by arithmetic alone.

A method's curve on a task is its quality (share of whole answers that pass) against the tokens that were typed for it,
each point the mean over seeds, from the untouched model at 0 tokens on; between points it is a straight line. The
effort for a quality is where the curve first reaches it.

Three questions, for the default against whole rewrites:
- effort: which part of the rewrites' effort does it take to reach their quality, their best and that at each budget?
- ahead: is the pass rate higher at each budget and seed? A tie on the pass rate is decided by the share of each answer
  that is right; a tie on both is level.
- drift: is KL(base‖trained) on unrelated prompts no larger at the same budget?
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from benchmarks.effort.ledger import Row
from benchmarks.effort.methods import BASE, DEFAULT, REWRITES

THIRD = 1 / 3


class Point(NamedTuple):
    """A method at one budget: means over seeds, and the range of the quality."""

    budget: int
    typed: float
    quality: float
    low: float
    high: float
    share: float
    steers: float | None
    kl: float | None
    answers: float  # that were read, corrected or not
    seeds: int


class Effort(NamedTuple):
    """Tokens it takes the rival and the default to reach `quality`; None: the default never did."""

    budget: int
    quality: float
    rival: float
    default: float | None

    @property
    def ratio(self) -> float | None:
        """The default's effort as a part of the rival's."""
        return None if self.default is None or not self.rival else self.default / self.rival


class Ahead(NamedTuple):
    """At how many (budget, seed) the default was ahead, level and behind."""

    ahead: int
    level: int
    behind: int


class Verdict(NamedTuple):
    """The three questions for one task; `cells` says how many of the (budget, seed) pairs were compared."""

    task: str
    best: Effort | None
    each: tuple[Effort, ...]
    ahead: Ahead
    drift: tuple[float, float] | None  # the default's and the rival's, means over what both have

    @property
    def holds(self) -> tuple[bool | None, bool | None, bool | None]:
        """A third of the effort, ahead everywhere, no more drift; None where there is nothing to judge."""
        third = None if self.best is None else self.best.ratio is not None and self.best.ratio <= THIRD
        ahead = None if not sum(self.ahead) else self.ahead.ahead == sum(self.ahead)
        return third, ahead, None if self.drift is None else self.drift[0] <= self.drift[1]


def curve(rows: Sequence[Row], task: str, method: str) -> list[Point]:
    """The points of a method on a task, from 0 tokens on, by effort."""
    points = []
    mine = [row for row in rows if row["task"] == task and row["split"] == "held-out"]
    for name in (BASE.name, method):
        found = [row for row in mine if row["method"] == name]
        for budget in sorted({row["budget"] for row in found}):
            here = [row for row in found if row["budget"] == budget]
            rates = [row["pass_rate"] for row in here]
            points.append(
                Point(
                    budget,
                    mean(row["typed"] for row in here),
                    mean(rates),
                    min(rates),
                    max(rates),
                    mean(row["share"] for row in here),
                    _mean([row["steers"] for row in here]),
                    _mean([row["kl"] for row in here]),
                    mean(row["answers"] for row in here),
                    len(here),
                )
            )
        if name == method:
            break
    return sorted(points, key=lambda point: point.typed)


def reach(points: Sequence[Point], quality: float) -> float | None:
    """The effort at which the curve first reaches `quality`; None if it does not."""
    before: Point | None = None
    for point in points:
        if point.quality >= quality:
            if before is None or point.quality == before.quality:
                return point.typed
            part = (quality - before.quality) / (point.quality - before.quality)
            return before.typed + max(0.0, part) * (point.typed - before.typed)
        before = point
    return None


def efforts(default: Sequence[Point], rival: Sequence[Point]) -> list[Effort]:
    """For each of the rival's budgets the effort that its quality there takes: the rival's own, and the default's.

    Qualities that the untouched model has already are left out.
    """
    floor = min((point.quality for point in rival if not point.budget), default=0.0)
    found = []
    for point in rival:
        if point.budget and point.quality > floor:
            own = reach(rival, point.quality)
            assert own is not None
            found.append(Effort(point.budget, point.quality, own, reach(default, point.quality)))
    return found


def judge(rows: Sequence[Row], task: str, method: str = DEFAULT.name, rival: str = REWRITES.name) -> Verdict:
    """The three questions for `method` against `rival` on one task, from the cells that both have."""
    both = _both(rows, task, method, rival)
    kept = [row for pair in both for row in pair]
    base = [row for row in rows if row["task"] == task and row["method"] == BASE.name]
    each = efforts(curve([*base, *kept], task, method), curve([*base, *kept], task, rival))
    best = max(each, key=lambda effort: (effort.quality, -effort.rival), default=None)
    counts = [0, 0, 0]
    for mine, theirs in both:
        a, b = ((row["pass_rate"], row["share"]) for row in (mine, theirs))
        counts[0 if a > b else 1 if a == b else 2] += 1
    moved = [(mine["kl"], theirs["kl"]) for mine, theirs in both if None not in (mine["kl"], theirs["kl"])]
    drift = (mean(a for a, _ in moved), mean(b for _, b in moved)) if moved else None
    return Verdict(task, best, tuple(each), Ahead(*counts), drift)


def _both(rows: Sequence[Row], task: str, method: str, rival: str) -> list[tuple[Row, Row]]:
    """The cells of the two methods that stand beside each other."""
    mine = {
        (row["method"], row["budget"], row["seed"]): row
        for row in rows
        if row["task"] == task and row["split"] == "held-out"
    }
    return [
        (row, mine[rival, budget, seed])
        for (name, budget, seed), row in sorted(mine.items())
        if name == method and (rival, budget, seed) in mine
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None
