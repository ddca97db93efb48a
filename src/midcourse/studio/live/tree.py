"""Forks and steers of a trace, seen from the accepted answer: where it could go on otherwise, and how to get there.

Representation: every span that is not on the accepted path hangs off it at some depth, in the subtree of one branch.
A branch is named by its first span; the rest of a span that the path leaves is a branch, too (`_rest`).

Everything is found in one pass over the spans; the texts of steers never change and are made once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from midcourse.studio.schemas.traces import BranchView, ForkView, PointView, SteerView
from midcourse.trace import Point, Run, Steer, Trace

SHOWN = 24  # tokens of a branch that are shown
NEAR = 3  # tokens before a text that may begin its first character
Text = Callable[[tuple[int, ...], tuple[int, ...]], str]  # how ids read behind others


class _Texts(NamedTuple):
    chosen: str | None
    rejected: list[str]


class Tree:
    """What there is of a trace beside its accepted answer."""

    def __init__(self, trace: Trace, text: Text) -> None:
        self.trace = trace
        self.text = lru_cache(4096)(text)  # most branches are the same the next time
        self._starts: list[int] = []  # the depth at which each span begins
        self._texts: list[_Texts] = []

    def grow(self) -> None:
        """Take note of new spans and steers."""
        for span in self.trace.spans[len(self._starts) :]:
            self._starts.append(0 if span.parent is None else self._starts[span.parent] + span.fork)
        for steer in self.trace.steers[len(self._texts) :]:
            chosen = None if steer.chosen is None else self._text(steer.chosen)
            self._texts.append(_Texts(chosen, list(map(self._text, steer.rejected))))

    def look(self, at: Point) -> tuple[list[ForkView], list[SteerView]]:
        """The forks of the path to `at`, which was there before this call, and all steers.

        The model may write on meanwhile; what it adds is left for the next look.
        """
        self.grow()
        seen = _Seen(self.trace, self._starts, at)
        return seen.forks(self.text), [self._steer(steer, seen) for steer in self.trace.steers[: len(self._texts)]]

    def _text(self, run: Run) -> str:
        span = run.span
        while run.start < self._starts[span]:
            above = self.trace.spans[span].parent
            assert above is not None
            span = above
        return self.text(_before(self.trace, Point(span, run.start - self._starts[span])), self._ids(run))

    def _ids(self, run: Run) -> tuple[int, ...]:
        start = self._starts[run.span]
        if run.start >= start:
            return self.trace.spans[run.span].ids[run.start - start : run.stop - start]
        return tuple(self.trace.run_ids(run))

    def _steer(self, steer: Steer, seen: _Seen) -> SteerView:
        run = steer.chosen or steer.rejected[0]
        on_path = seen.holds(run)
        to = Point(run.span, run.stop - self._starts[run.span])
        return SteerView(
            number=steer.id,
            kind=steer.kind,
            start=steer.start,
            chosen_stop=steer.chosen.stop if steer.chosen else None,
            rejected_stop=steer.rejected[0].stop if steer.rejected else None,
            chosen=self._texts[steer.id].chosen,
            rejected=self._texts[steer.id].rejected,
            ends=steer.ends,
            on_path=on_path,
            goto=_point(to if on_path else seen.straight(to)),
            reason=steer.reason,
            tags=list(steer.tags),
            serves=list(steer.serves),
            weight=steer.weight,
            aside=steer.aside,
            author=steer.author,
            created=steer.created,
        )


class _Branch(NamedTuple):
    order: int  # by who was there first
    span: int  # its first span
    fork: int  # how many tokens of that span precede it
    depth: int  # where it leaves the path


class _Seen:
    """A trace's spans as seen from the path to `at`."""

    def __init__(self, trace: Trace, starts: list[int], at: Point) -> None:
        self.trace, self.starts, self.at = trace, starts, at
        spans = trace.spans[: len(starts)]
        self.lengths = {span.id: length for span, length in trace.path(at)}
        self.depth = 0 if at.span is None else starts[at.span] + at.length
        self.next: dict[Point, int] = {}  # the last span that follows a place
        self.branch: list[_Branch | None] = []  # of each span; None on the path
        self.rest = {
            id: _Branch(id, id, length, starts[id] + length)
            for id, length in self.lengths.items()
            if length < len(spans[id].ids)
        }
        self.last: dict[_Branch, int] = {}  # the span of each branch that was written last
        for span in spans:
            self.next[Point(span.parent, span.fork)] = span.id
            found: _Branch | None
            if span.id in self.lengths:
                found = None
            elif span.parent is None:
                found = _Branch(span.id, span.id, 0, 0)
            elif span.parent not in self.lengths:
                found = self.branch[span.parent]
            elif span.fork <= self.lengths[span.parent]:
                found = _Branch(span.id, span.id, 0, starts[span.id])
            else:
                found = self.rest[span.parent]
            self.branch.append(found)
            if found is not None:
                self.last[found] = span.id

    def holds(self, run: Run) -> bool:
        """Whether the path has this run."""
        return run.span in self.lengths and self.starts[run.span] + self.lengths[run.span] >= run.stop

    def straight(self, at: Point) -> Point:
        """From `at` on to where its span, and what follows that, ends."""
        assert at.span is not None
        while True:
            end = self.trace.end_of(at.span)
            if (following := self.next.get(end)) is None:
                return end
            at = Point(following, 0)
            assert at.span is not None

    def of(self, place: Point) -> _Branch | None:
        """The branch in which a place lies; None for the path itself."""
        if place.span is None or place.span >= len(self.branch):
            return None
        if place.span in self.lengths:
            return self.rest[place.span] if place.length > self.lengths[place.span] else None
        return self.branch[place.span]

    def forks(self, text: Text) -> list[ForkView]:
        """The depths at which the answer could go on otherwise."""
        trace = self.trace
        branches = {branch for branch in self.branch if branch is not None} | set(self.rest.values())
        if not branches:
            return []
        tips: dict[_Branch, Point] = {}
        for place in reversed(list(trace.history)):
            if (within := self.of(place)) is not None:
                tips.setdefault(within, place)
        steers, leaving, here = self._count()
        by_depth: dict[int, list[_Branch]] = {}
        for branch in sorted(branches):
            by_depth.setdefault(branch.depth, []).append(branch)
        path = list(self.lengths)
        begins = [self.starts[id] for id in path]
        found = []
        for depth, others in sorted(by_depth.items()):
            views = [
                (branch.order, self._view(branch, tips.get(branch), steers.get(branch, 0), text)) for branch in others
            ]
            current = -1
            if depth < self.depth:
                id = path[bisect_right(begins, depth) - 1]
                beyond = len(leaving) - bisect_left(leaving, depth + 1) + len(here) - bisect_left(here, depth)
                mine = BranchView(
                    goto=_point(self.at),
                    source=trace.spans[id].source,
                    text=self._reads(Point(id, depth - self.starts[id]), text),
                    tokens=self.depth - depth,
                    steers=beyond,
                )
                views = sorted([*views, (id, mine)], key=lambda pair: pair[0])
                current = next(i for i, (_, view) in enumerate(views) if view is mine)
            found.append(ForkView(depth=depth, branches=[view for _, view in views], current=current))
        return found

    def _count(self) -> tuple[dict[_Branch, int], list[int], list[int]]:
        """Steers of each branch; where those leave the path that are off it, and begin that are on it, sorted."""
        counts: dict[_Branch, int] = {}
        leaving, here = [], []
        for steer in self.trace.steers:
            run = steer.chosen or steer.rejected[0]
            branch = None if self.holds(run) else self.of(Point(run.span, run.stop - self.starts[run.span]))
            if branch is None:
                here.append(run.start)
            else:
                counts[branch] = counts.get(branch, 0) + 1
                leaving.append(branch.depth)
        return counts, sorted(leaving), sorted(here)

    def _view(self, branch: _Branch, tip: Point | None, steers: int, text: Text) -> BranchView:
        if tip is None:
            tip = self.trace.end_of(self.last.get(branch, branch.span))
        assert tip.span is not None
        return BranchView(
            goto=_point(tip),
            source=self.trace.spans[branch.span].source,
            text=self._reads(Point(branch.span, branch.fork), text),
            tokens=self.starts[tip.span] + tip.length - branch.depth,
            steers=steers,
        )

    def _reads(self, place: Point, text: Text) -> str:
        return text(_before(self.trace, place), self._first(place))

    def _first(self, place: Point) -> tuple[int, ...]:
        """The first tokens from a place on, straight on."""
        ids: list[int] = []
        span, skip = place
        while span is not None and len(ids) < SHOWN:
            ids += self.trace.spans[span].ids[skip:]
            span, skip = self.next.get(self.trace.end_of(span)), 0
        return tuple(ids[:SHOWN])


def _before(trace: Trace, place: Point) -> tuple[int, ...]:
    """The few tokens before a place."""
    ids: list[int] = []
    while place.span is not None and len(ids) < NEAR:
        span = trace.spans[place.span]
        ids[:0] = span.ids[max(place.length - NEAR + len(ids), 0) : place.length]
        place = Point(span.parent, span.fork)
    return tuple(ids)


def _point(place: Point) -> PointView:
    return PointView(span=place.span, length=place.length)
