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
    assert told == ["1 steer is a mark (of 2); dpo ignores marks (unlikelihood would not)"]
    with pytest.raises(UserError, match=r"unlikelihood looks at marks; there is nothing like that, .* in 1 trace$"):
        _find([sample.trace(1)], objective="unlikelihood")


def _inserted() -> Trace:
    trace = Trace("t", [], (11, 12), "tiny", "none")
    trace.grow([20, 21], "model")
    trace.steer(trace.head, [4, 5], [])
    return trace


def test_insertions_are_not_for_preference_losses() -> None:
    with pytest.raises(UserError, match=r"dpo looks at corrections of something rejected; there is nothing like that"):
        _find([_inserted(), _inserted()], objective="dpo")
    _, told = _find([_inserted(), sample.trace(1, steers=1)], objective="dpo + 0.1 accepted")
    assert told == [
        "1 steer is an insertion (of 2), with nothing rejected; dpo + 0.1 accepted ignores insertions (sft would not)"
    ]
    _, told = _find([_inserted(), sample.trace(1, steers=1)], objective="dpo + sft")
    assert told == []


def test_an_objective_that_finds_nothing_is_told() -> None:
    _, told = _find([_inserted()], objective="sft + dpo + unlikelihood_all")
    assert told == [
        "dpo has nothing to look at: there are no corrections of something rejected",
        "unlikelihood_all has nothing to look at: there are no rejected runs or marks",
    ]


def test_settings_that_play_no_part_are_told() -> None:
    _, told = _find([sample.trace(1)], objective="sft", simpo_gamma=0.5)
    assert told == ["simpo_gamma is set and ignored: it is for simpo, not for 'sft'"]
