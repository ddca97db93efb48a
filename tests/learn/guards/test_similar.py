"""Nearly identical pairs: edit distance against its definition, ends trimmed off, near ones named."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.learn.guards.similar import distance, ids, near, notice, trimmed
from midcourse.learn.items import Example, examples
from midcourse.learn.settings import TrainSettings
from midcourse.learn.supervision import find
from midcourse.trace.tree import Run, Trace
from tests.learn import sample

few = st.lists(st.integers(0, 3), max_size=9)


def pair(chosen: list[int], rejected: list[int]) -> Trace:
    made = Trace("t", [], (11, chosen[0]), "tiny", "none")
    made.grow([20, 21], "model")
    run = Run(made.branch(made.head, rejected, "model").id, 2, 2 + len(rejected))
    made.steer(made.head, chosen, [run])
    return made


def sides(example: Example) -> list[list[int]]:
    return [ids(example, segment) for segment in example.segments]


@given(few, few, st.integers(0, 9))
def test_distance_is_levenshteins(one: list[int], two: list[int], limit: int) -> None:
    @cache
    def plain(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(plain(i - 1, j) + 1, plain(i, j - 1) + 1, plain(i - 1, j - 1) + (one[i - 1] != two[j - 1]))

    expected = plain(len(one), len(two))
    assert distance(one, two, limit) == (expected if expected <= limit else None)


@pytest.mark.parametrize(
    ("chosen", "rejected", "left"),
    [
        ([30, 5, 6], [40, 5, 6], [40]),
        ([30, 5, 6], [40, 41, 7, 6], [40, 41, 7]),
        ([30], [40, 30], [40]),
        ([30, 40], [40], [40]),  # one token stays
        ([30, 5], [40, 6], [40, 6]),
    ],
)
def test_the_shared_end_is_not_rejected(chosen: list[int], rejected: list[int], left: list[int]) -> None:
    before = examples([pair(chosen, rejected)])
    after, cut = trimmed(before)
    assert sides(after[0]) == [chosen, left]
    assert cut == (left != rejected)
    after, _ = trimmed(before, both=True)
    assert sides(after[0]) == [chosen[: max(1, len(chosen) - len(rejected) + len(left))], left]


def test_an_end_over_several_spans_and_runs() -> None:
    made = Trace("t", [], (11, 12), "tiny", "none")
    for part in ([20, 40, 41], [42, 5], [6, 7]):
        made.grow(part, "model")
    at = made.at(made.head, 1)
    other = made.branch(at, [50, 51], "model")
    made.steer(at, [30, 5, 6, 7], [Run(2, 1, 7), Run(other.id, 1, 3)])
    after, cut = trimmed(examples([made]))
    assert sides(after[0]) == [[30, 5, 6, 7], [40, 41, 42], [50, 51]]
    assert cut == 1


def test_near_ones_are_named_the_nearest_first() -> None:
    body = list(range(50, 59))
    found = examples(
        [pair([30, *body], [40, *body]), pair([30], [40]), pair([31, 32, *body, *body], [41, *body, *body])]
    )
    names = near(found)
    assert [(one.example.number, one.edits, one.tokens) for one in names] == [(0, 1, 10), (2, 2, 20)]
    told = notice(names, 3)
    assert told.startswith("nearly identical sides in 2 of 3 steers")
    assert told.endswith(": trace 0 (t), steer 0 (1 of 10 tokens); trace 2 (t), steer 0 (2 of 20 tokens)")


def test_training_trims_and_tells() -> None:
    body = list(range(50, 59))
    traces = [pair([30, *body, 70], [40, *body, 71]), pair([31, 5], [40, 5])]
    notes: list[str] = []
    found = find(traces, TrainSettings(objective="dpo", trim="rejected"), (), notes.append)
    assert sides(found[1]) == [[31, 5], [40]]
    assert notes[0] == "runs cut before an end that both sides share: 1"
    assert "nearly identical sides in 1 of 2 steers" in notes[1]
    untouched = find(traces, TrainSettings(objective="dpo"), (), notes.append)
    assert sides(untouched[1]) == [[31, 5], [40, 5]]


def test_objectives_without_a_rejected_side_say_nothing() -> None:
    notes: list[str] = []
    find([pair([30, 5], [40, 5])], TrainSettings(objective="sft"), (), notes.append)
    assert notes == []


def test_nothing_in_common_stays_as_it_is() -> None:
    before = examples(sample.traces(5))
    after, cut = trimmed(before)
    assert (cut == 0) == (after == before)
