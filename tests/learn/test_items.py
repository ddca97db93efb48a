"""Which tokens are supervised, and how rejected runs are cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from midcourse.learn.guards.similar import ids
from midcourse.learn.items import Segment, Side, Slice, examples, within
from midcourse.learn.layout import build
from midcourse.trace.tree import Run
from tests.learn import sample


@pytest.mark.parametrize(
    ("count", "slices"),
    [
        (1, (Slice(3, 2, 3),)),
        (4, (Slice(3, 2, 6),)),
        (5, (Slice(3, 2, 6), Slice(5, 0, 1))),
        (7, (Slice(3, 2, 6), Slice(5, 0, 3))),
        (99, (Slice(3, 2, 6), Slice(5, 0, 3))),
    ],
)
def test_the_first_tokens_of_a_segment(count: int, slices: tuple[Slice, ...]) -> None:
    whole = Segment("rejected", (Slice(3, 2, 6), Slice(5, 0, 3)), 1.0, 4, 1)
    assert whole.first(count) == Segment("rejected", slices, 1.0, 4, 1)


def test_a_mark_is_a_side_of_its_own() -> None:
    trace = sample.trace(1, steers=1)
    trace.steer(trace.at(trace.head, 2), None, [Run(trace.at(trace.head, 4).span or 0, 2, 4)], move=False)
    (example,) = examples([trace], ["chosen", "rejected", "marked"])
    assert [(segment.side, segment.steer) for segment in example.segments] == [
        ("chosen", 0), ("rejected", 0), ("marked", 1)
    ]  # fmt: skip
    assert {segment.side for segment in examples([trace])[0].segments} == {"chosen", "rejected"}


def test_what_is_set_aside_trains_nothing() -> None:
    """Neither of its sides is there; what somebody called wrong, or typed, does not become `accepted` by that."""
    plain, aside, silent = (sample.trace(1, steers=3) for _ in range(3))
    for trace in (plain, aside, silent):
        trace.steer(trace.at(trace.head, 2), None, [Run(trace.at(trace.head, 4).span or 0, 2, 4)], move=False)
    aside.steers = [replace(steer, aside=steer.id in (1, 3)) for steer in aside.steers]
    silent.steers = [replace(steer, weight=float(steer.id not in (1, 3))) for steer in silent.steers]
    sides: tuple[Side, ...] = ("chosen", "rejected", "marked", "accepted")
    whole, less, same = (examples([trace], sides)[0] for trace in (plain, aside, silent))
    assert less.segments == same.segments == tuple(s for s in whole.segments if s.steer not in (1, 3))
    for steer in range(3):
        aside.steers[steer] = replace(aside.steers[steer], aside=True)
    assert examples([aside]) == []


def test_what_lies_beyond_the_horizon_costs_nothing() -> None:
    """Rejected runs are leaves: of n tokens n − 1 are in the layout, the last is only predicted; the rest stays."""
    found = examples([sample.trace(1, steers=3, sides=2)], ["chosen", "rejected", "accepted"])
    (whole,), (near,) = found, within(found, 2)
    saved = 0
    for one, two in zip(whole.segments, near.segments, strict=True):
        if one.side == "rejected":
            assert ids(near, two) == ids(whole, one)[:2]
            saved += len(one) - 2
        else:
            assert one == two
    assert saved > 0
    assert len(build([near])) == len(build([whole])) - saved
