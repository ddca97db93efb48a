"""Contradictory steers are found across traces, told with their places, and dropped or refused where that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.errors import InputErrors
from midcourse.learn.guards.contradictions import Found, Named, find, settle
from midcourse.learn.settings import TrainSettings
from midcourse.learn.supervision import find as supervise
from midcourse.learn.training import train
from midcourse.trace.tree import Run, Trace
from tests.learn import sample

PROMPT = (11, 12, 13)


def trace(chosen: list[int] | None, *rejected: list[int], prompt: tuple[int, ...] = PROMPT, weight: float = 1) -> Trace:
    """One steer after a prompt and the tokens 20, 21."""
    made = Trace(f"t{chosen}-{rejected}", [], prompt, "tiny", "none")
    made.grow([20, 21], "model")
    at = made.head
    runs = [Run(made.branch(at, ids, "model").id, 2, 2 + len(ids)) for ids in rejected]
    made.steer(at, chosen, runs, weight=weight)
    return made


def name(number: int) -> str:
    return f"file.jsonl:{number + 1}"


A, B = Named(0, 0), Named(1, 0)


@pytest.mark.parametrize(
    ("one", "two", "opposite", "different"),
    [
        (trace([30, 31], [40]), trace([40], [30, 31]), [(A, B), (B, A)], [(A, B)]),
        (trace([30, 31], [40]), trace([50], [30]), [(A, B)], [(A, B)]),  # what begins so is rejected
        (trace([30], [40]), trace([50], [60], [30, 31]), [(A, B)], [(A, B)]),
        (trace([30], [40]), trace(None, [30, 31]), [(A, B)], []),  # a mark rejects, too
        (trace([30, 31], [40]), trace([50], [30, 32]), [], [(A, B)]),  # another way on after 30
        (trace([30, 31], [40]), trace([30], [41]), [], []),  # one correction begins the other
        (trace([30, 31], [40]), trace([30, 31], [40]), [], []),
        (trace([30], [40]), trace([40], [30], prompt=(11, 12, 14)), [], []),  # another context
        (trace([30], [40]), trace([40], [30], weight=0), [], []),
    ],
)
def test_pairs(one: Trace, two: Trace, opposite: list, different: list) -> None:
    assert find([one, two]) == Found(opposite, different)


def test_two_steers_of_one_trace() -> None:
    made = trace([30], [40])
    at = made.at(made.head, 2)
    made.steer(at, [40, 41], [Run(made.branch(at, [30], "model").id, 2, 3)])
    assert find([made]).opposite == [(Named(0, 0), Named(0, 1)), (Named(0, 1), Named(0, 0))]


@given(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 5))
def test_whole_traces_twice_contradict_nothing(seeds: list[int], steers: int) -> None:
    traces = [sample.trace(seed, steers=steers) for seed in seeds]
    assert not find([*traces, *traces]).opposite


def test_they_are_told_with_file_line_and_steer() -> None:
    notes: list[str] = []
    traces = [trace([30, 31], [40]), trace([50], [30]), trace([60], [70])]
    assert settle(traces, TrainSettings(), name, notes.append) == frozenset()
    assert notes == [
        "contradictions: 1 pair of steers after the same tokens, they pull against each other: "
        "file.jsonl:1, steer 0 chooses what file.jsonl:2, steer 0 rejects",
        "2 pairs of steers correct the same place in different words: file.jsonl:1, steer 0 and file.jsonl:3, steer 0; "
        "file.jsonl:2, steer 0 and file.jsonl:3, steer 0",
    ]


def test_a_pair_that_contradicts_both_ways_is_told_once() -> None:
    notes: list[str] = []
    settle([trace([30], [40]), trace([40], [30])], TrainSettings(), name, notes.append)
    assert notes == [
        "contradictions: 1 pair of steers after the same tokens, they pull against each other: "
        "file.jsonl:1, steer 0 chooses what file.jsonl:2, steer 0 rejects",
    ]


def test_they_can_be_dropped() -> None:
    notes: list[str] = []
    traces = [trace([30, 31], [40]), trace([50], [30]), trace([60], [70])]
    found = supervise(traces, TrainSettings(objective="dpo", contradictions="drop"), (), notes.append)
    assert [example.number for example in found] == [2]
    assert "their 2 steers are left out" in notes[0]


def test_they_can_be_errors_before_anything_is_computed_or_written(tmp_path: Path) -> None:
    settings = TrainSettings(contradictions="error")
    traces = [trace([30], [40]), trace([40], [30])]
    places = ["a.jsonl:1", "a.jsonl:7"]
    with pytest.raises(InputErrors) as caught:
        train(sample.loaded(), traces, settings, tmp_path / "out", places=places)
    assert [problem.where for problem in caught.value.problems] == ["a.jsonl:1", "a.jsonl:7"]
    assert "steer 0 chooses what a.jsonl:7, steer 0 rejects" in str(caught.value)
    assert not (tmp_path / "out").exists()
