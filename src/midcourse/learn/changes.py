"""Which tokens a correction changed, for losses that let these count more.

A token is unchanged if the correction and what was rejected have it in common, in the same order; of a correction with
several rejected runs, if it is common to all of them. An insertion is new throughout. Rejected runs are compared whole,
whatever of them a horizon leaves to be trained on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import SequenceMatcher

from midcourse.learn.items import Example, Segment
from midcourse.trace.tree import Trace


def noted(examples: Iterable[Example]) -> list[Example]:
    """`examples` whose steers' segments say which of their tokens are unchanged."""
    return [
        replace(example, segments=tuple(_noted(example.trace, segment) for segment in example.segments))
        for example in examples
    ]


def _noted(trace: Trace, segment: Segment) -> Segment:
    if segment.side not in ("chosen", "rejected"):
        return segment
    steer = next(one for one in trace.steers if one.id == segment.steer)
    assert steer.chosen is not None
    chosen, rejected = trace.run_ids(steer.chosen), [trace.run_ids(run) for run in steer.rejected]
    if segment.side == "rejected":
        common = {place for _, place in _common(chosen, rejected[segment.which])}
    else:
        places = [{place for place, _ in _common(chosen, run)} for run in rejected]
        common = set.intersection(*places) if places else set()
    return replace(segment, unchanged=tuple(place for place in sorted(common) if place < len(segment)))


def _common(one: list[int], two: list[int]) -> list[tuple[int, int]]:
    """The places in `one` and in `two` of the tokens that they have in common, in order."""
    blocks = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
    return [(start + offset, begin + offset) for start, begin, length in blocks for offset in range(length)]
