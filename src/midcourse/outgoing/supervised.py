"""What of a trace is trained on, as rows: a pair for each rejected run, or a path with a mask.

Both take what our own trainer takes: nothing that is set aside or weighs nothing. A steer on an abandoned branch has a
path of its own, shared with the steers that stand on it. Every steer is supervised on exactly one path.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from midcourse.learn.items import examples, weight
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Point, Steer, Trace


class Pair(NamedTuple):
    """A rejected run against the correction, or only one of the two. `context` is the prompt and the answer so far."""

    trace: Trace
    steer: Steer
    context: list[int]
    chosen: list[int]
    rejected: list[int]


class Path(NamedTuple):
    """Tokens from the prompt on, up to the last that is trained; `trained` is parallel to `ids`."""

    trace: Trace
    steers: list[Steer]
    ids: list[int]
    trained: list[bool]

    def runs(self) -> Iterator[tuple[bool, list[int]]]:
        """Stretches of tokens that are all trained, or all not; the prompt is a stretch of its own."""
        prompt = len(self.trace.prompt)
        for (_, trained), part in groupby(range(len(self.ids)), lambda place: (place < prompt, self.trained[place])):
            yield trained, [self.ids[place] for place in part]


MARKS = "a mark: nothing is chosen"
INSERTIONS = "an insertion: nothing is rejected"


def live(trace: Trace, tally: Tally) -> list[Steer]:
    """The steers that count; all others are counted as left out."""
    found = []
    for steer in trace.steers:
        if steer.aside:
            tally.left["a steer that is set aside"] += 1
        elif not weight(trace, steer):
            tally.left["a steer of weight 0"] += 1
        else:
            found.append(steer)
    return found


def pairs(trace: Trace, tally: Tally) -> Iterator[Pair]:
    """A pair for each rejected run of each correction."""
    for steer in live(trace, tally):
        if steer.chosen is None:
            tally.left[MARKS] += 1
            continue
        if not steer.rejected:
            tally.left[INSERTIONS] += 1
            continue
        _said(trace, steer, tally)
        if len(steer.rejected) > 1:
            tally.notes["a correction of several rejected runs: each run is a pair of its own"] += 1
        context, chosen = trace.context(steer), trace.run_ids(steer.chosen)
        for run in steer.rejected:
            yield Pair(trace, steer, context, chosen, trace.run_ids(run))


def sides(trace: Trace, tally: Tally) -> Iterator[Pair]:
    """Each side of each steer by itself: a pair with an empty `chosen` or an empty `rejected`."""
    for steer in live(trace, tally):
        _said(trace, steer, tally)
        context = trace.context(steer)
        if steer.chosen is not None:
            yield Pair(trace, steer, context, trace.run_ids(steer.chosen), [])
        for run in steer.rejected:
            yield Pair(trace, steer, context, [], trace.run_ids(run))


def paths(trace: Trace, tally: Tally, *, accepted: bool = False) -> Iterator[Path]:
    """The accepted answer with its corrections trained, then abandoned branches with those that stand only there.

    With `accepted` the model's own tokens that were let stand are trained too.
    """
    left = []
    for steer in live(trace, tally):
        if steer.chosen is None:
            tally.left[MARKS] += 1
            continue
        _said(trace, steer, tally)
        tally.unsaid["a rejected run"] += len(steer.rejected)
        left.append(steer)
    if trace.weight > 0:
        stands = _accepted(trace) if accepted else set()
        path, left = _path(trace, trace.head, left, stands)
        if path is not None:
            yield path
    while left:
        last = max(left, key=lambda steer: steer.chosen.stop if steer.chosen else 0)
        assert last.chosen is not None
        path, left = _path(trace, trace.at(trace.end_of(last.chosen.span), last.chosen.stop), left, set())
        assert path is not None
        yield path


def _path(trace: Trace, to: Point, steers: list[Steer], stands: set[int]) -> tuple[Path | None, list[Steer]]:
    """The path to `to` with the steers on it, and those that are not."""
    until, depth = dict[int, int](), 0
    for span, length in trace.path(to):
        depth += length
        until[span.id] = depth
    here, others = list[Steer](), list[Steer]()
    for steer in steers:
        assert steer.chosen is not None
        (here if until.get(steer.chosen.span, 0) >= steer.chosen.stop else others).append(steer)
    places = stands | {
        place for steer in here if steer.chosen for place in range(steer.chosen.start, steer.chosen.stop)
    }
    if not places:
        return None, others
    prompt, length = len(trace.prompt), max(places) + 1
    trained = [False] * prompt + [place in places for place in range(length)]
    return Path(trace, here, [*trace.prompt, *trace.answer(to)[:length]], trained), others


def _accepted(trace: Trace) -> set[int]:
    """Depths on the accepted answer of tokens that were let stand."""
    begins, depth = dict[int, int](), 0
    for span, length in trace.path(trace.head):
        begins[span.id] = depth
        depth += length
    return {
        begins[part.span] + index
        for example in examples([trace], ("accepted",))
        for segment in example.segments
        for part in segment.slices
        for index in range(part.start, part.stop)
    }


def _said(trace: Trace, steer: Steer, tally: Tally) -> None:
    """Count what rows do not say of a steer that goes out."""
    tally.steers += 1
    tally.unsaid["a weight other than 1"] += weight(trace, steer) != 1
    about = (steer.reason, *steer.tags, *trace.tags, steer.author, trace.author, steer.created, trace.created)
    tally.unsaid["a reason, tags, an author or a time"] += any(one is not None for one in about)
