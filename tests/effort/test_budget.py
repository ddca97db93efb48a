"""Budget arithmetic: what is taken is a beginning, fits, and the next one would not."""

from __future__ import annotations

import pytest
from benchmarks.effort import budget
from hypothesis import given
from hypothesis import strategies as st

from midcourse.learn.items import examples
from midcourse.trace.tree import Trace, problems
from tests.learn import sample


def cost(traces: list[Trace]) -> list[int]:
    return [budget.cost(trace, steer.id) for trace in traces for steer in trace.steers]


def taken(traces: list[Trace]) -> int:
    return sum(steer.weight > 0 for trace in traces for steer in trace.steers)


@given(st.integers(0, 120))
def test_steers_are_taken_in_order_until_the_next_one_would_exceed_the_budget(limit: int) -> None:
    traces = [sample.trace(seed, steers=3) for seed in range(4)]
    prices = cost(traces)
    found = budget.within(traces, limit)
    count = taken(found)
    assert budget.typed(found) == sum(prices[:count]) <= limit
    assert count == len(prices) or sum(prices[: count + 1]) > limit
    assert budget.steers(found) == count
    assert all(not problems(trace) for trace in found)


@given(st.integers(0, 120))
def test_whole_answers_are_taken_or_left(limit: int) -> None:
    traces = [sample.trace(seed, steers=2) for seed in range(5)]
    prices = [budget.typed([trace]) for trace in traces]
    found = budget.whole(traces, limit)
    assert found == traces[: len(found)]
    assert sum(prices[: len(found)]) <= limit
    assert len(found) == len(traces) or sum(prices[: len(found) + 1]) > limit


def test_the_answer_in_which_the_budget_ends_is_left_at_its_last_steer() -> None:
    trace = sample.trace(0, steers=3)
    first = budget.cost(trace, 0)
    (part,) = budget.within([trace], first)
    chosen = trace.steers[0].chosen
    assert chosen is not None
    assert part.answer(part.head) == trace.answer(trace.end_of(chosen.span))[: chosen.stop]
    assert not part.finished
    assert trace.finished, "the original stays as it was"
    (example,) = examples([part], ["chosen", "rejected", "accepted"])
    assert {segment.steer for segment in example.segments} == {0, None}
    assert trace.answer(trace.head) != part.answer(part.head)


def test_an_answer_without_a_steer_costs_nothing_and_is_kept() -> None:
    free, dear = sample.trace(1, steers=0), sample.trace(2, steers=2)
    price = budget.typed([dear])
    assert budget.within([free, dear, free], price) == [free, dear, free]
    assert budget.within([free, dear, free], 0) == [free]


def test_a_budget_below_the_first_steer_pays_for_nothing() -> None:
    trace = sample.trace(0)
    assert budget.within([trace], budget.cost(trace, 0) - 1) == []
    assert budget.whole([trace], budget.typed([trace]) - 1) == []
    assert budget.typed([]) == 0


@pytest.mark.parametrize("limit", [10, 25, 60])
def test_cutting_again_changes_nothing(limit: int) -> None:
    found = budget.within(sample.traces(3), limit)
    assert budget.within(found, limit) == found
