"""Which tokens a correction changed."""

from __future__ import annotations

from midcourse.learn import supervision
from midcourse.learn.changes import noted
from midcourse.learn.items import examples
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Run, Trace


def _trace(chosen: list[int], *rejected: list[int]) -> Trace:
    """A trace with one steer."""
    trace = Trace("t", [], (11, 12), "tiny", "none")
    trace.grow([20, 21], "model")
    at = trace.head
    runs = [Run(trace.branch(at, ids, "model").id, 2, 2 + len(ids)) for ids in rejected]
    trace.steer(at, chosen, runs)
    return trace


def _unchanged(trace: Trace) -> list[tuple[int, ...]]:
    (example,) = noted(examples([trace]))
    return [segment.unchanged for segment in example.segments]


def test_what_both_sides_have_in_order_is_unchanged() -> None:
    assert _unchanged(_trace([31, 32, 33, 34], [35, 32, 36, 34])) == [(1, 3), (1, 3)]


def test_only_what_all_rejected_runs_share_is_unchanged() -> None:
    """33 is in all three. 32 is missing in the second rejected run: the correction changed it, not the first run."""
    assert _unchanged(_trace([31, 32, 33], [34, 32, 33], [35, 33])) == [(2,), (1, 2), (1,)]


def test_insertions_and_marks_are_new_throughout() -> None:
    insertion = _trace([31, 32])
    assert _unchanged(insertion) == [()]
    mark = Run(insertion.at(insertion.head, 3).span or 0, 2, 3)
    insertion.steer(insertion.at(insertion.head, 2), None, [mark], move=False)
    (example,) = noted(examples([insertion], ["chosen", "marked"]))
    assert [segment.unchanged for segment in example.segments] == [(), ()]


def test_a_horizon_keeps_what_is_known_of_its_tokens() -> None:
    (example,) = noted(examples([_trace([31, 32, 33, 34], [35, 32, 36, 34])]))
    assert [segment.first(3).unchanged for segment in example.segments] == [(1,), (1,)]


def test_a_run_notes_changes_where_its_objective_asks() -> None:
    """Also for `sft`, which has no rejected runs in its batches."""
    trace = _trace([31, 32, 33], [34, 32, 35])
    for options, expected in (
        ({"objective": "sft", "sft_gamma": 3}, [(1,)]),
        ({"objective": "sft"}, [()]),
        ({"objective": "ddpo"}, [(1,), (1,)]),
        ({"objective": "ddpo", "horizon": 1}, [(1,), ()]),
        ({"objective": "dpo", "sft_gamma": 3}, [(), ()]),
    ):
        settings = TrainSettings(**options)
        for (example,) in (supervision.find([trace], settings, (), str), supervision.held_out([trace], settings)):
            found = {segment.side: segment.unchanged for segment in example.segments}
            assert list(found.values())[: len(expected)] == expected
