"""What a run trains on, and what it tells of it."""

from __future__ import annotations

import pytest

from midcourse.errors import UserError
from midcourse.learn import supervision
from midcourse.learn.guards.similar import ids
from midcourse.learn.items import Example
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Run, Trace
from tests.learn import sample


def _find(traces: list[Trace], **settings: object) -> tuple[list[Example], list[str]]:
    told: list[str] = []
    return supervision.find(traces, TrainSettings(**settings), (), told.append), told


def _marked() -> Trace:
    trace = sample.trace(1, steers=1)
    trace.steer(trace.at(trace.head, 2), None, [Run(trace.at(trace.head, 4).span or 0, 2, 4)], move=False)
    return trace


def test_the_horizon_counts_what_trimming_leaves() -> None:
    """Rejected 8 9 5 6 7, chosen 4 5 6 7: the end 5 6 7 is shared and cut. A horizon of 3 leaves 8 9, of 1 only 8."""
    trace = Trace("t", [], (11, 12), "tiny", "none")
    trace.grow([20, 21], "model")
    at = trace.head
    span = trace.branch(at, [8, 9, 5, 6, 7], "model")
    trace.steer(at, [4, 5, 6, 7], [Run(span.id, 2, 7)])
    for horizon, expected in ((0, [8, 9]), (3, [8, 9]), (1, [8])):
        (example,), _ = _find([trace], objective="dpo", trim="rejected", horizon=horizon)
        assert [ids(example, one) for one in example.segments] == [[4, 5, 6, 7], expected]


def test_marks_are_for_unlikelihood() -> None:
    (example,), told = _find([_marked()], objective="unlikelihood", horizon=1)
    assert [(one.side, len(one)) for one in example.segments] == [("marked", 1)]
    assert told == []
    (example,), told = _find([_marked()], objective="dpo")
    assert "marked" not in {one.side for one in example.segments}
    assert told == ["1 of 2 steers are marks; dpo ignores them (unlikelihood would not)"]
    with pytest.raises(UserError, match="'unlikelihood' finds nothing to look at in 1 traces"):
        _find([sample.trace(1)], objective="unlikelihood")


def test_settings_that_play_no_part_are_told() -> None:
    _, told = _find([sample.trace(1)], objective="sft", simpo_gamma=0.5)
    assert told == ["simpo_gamma is set and ignored: it is for simpo, not for 'sft'"]
