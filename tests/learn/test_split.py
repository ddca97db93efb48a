"""Holding traces out: whole conversations, by content alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies

from midcourse.errors import UserError
from midcourse.learn.split import shared, split
from midcourse.trace.tree import Trace
from tests.learn import sample


def said(trace: Trace, text: str) -> Trace:
    trace.messages = [{"role": "user", "content": text}]
    return trace


def test_a_share_is_held_out_whatever_the_order() -> None:
    traces = sample.traces(20)
    kept, held = split(traces, 0.1)
    assert sorted(kept + held) == list(range(20))
    assert len(held) == 2
    shuffled = random.Random(1).sample(traces, 20)
    _, again = split(shuffled, 0.1)
    assert {shuffled[number].id for number in again} == {traces[number].id for number in held}


@given(strategies.lists(strategies.integers(0, 6), min_size=2, max_size=25), strategies.floats(0.01, 0.99))
def test_no_conversation_is_divided(which: list[int], share: float) -> None:
    traces = [said(sample.trace(seed, steers=1), f"  Note {number}".upper() if seed % 2 else f"note  {number}")
              for seed, number in enumerate(which)]  # fmt: skip
    if len(set(which)) < 2:
        with pytest.raises(UserError, match="at least two are needed"):
            split(traces, share)
        return
    kept, held = split(traces, share)
    assert kept
    assert held
    assert not {which[number] for number in kept} & {which[number] for number in held}
    assert shared([traces[number] for number in kept], [traces[number] for number in held]) == 0


def test_traces_from_one_prompt_stay_together_even_if_they_were_asked_otherwise() -> None:
    """1 and 2 have a prompt in common, 2 and 3 what was said: all three are one."""
    one, two, three, four = (sample.trace(seed, steers=1) for seed in range(4))
    two.prompt = one.prompt
    traces = [said(one, "a"), said(two, "b"), said(three, "B "), said(four, "c")]
    kept, held = split(traces, 0.5)
    assert sorted([kept, held]) == [[0, 1, 2], [3]]


def test_traces_without_steers_are_not_what_is_looked_at() -> None:
    traces = [sample.trace(seed, steers=seed % 2) for seed in range(20)]
    _, held = split(traces, 0.2)
    assert len(held) == 2
    assert all(traces[number].steers for number in held)


def test_known_conversations_are_counted() -> None:
    traces = sample.traces(4)
    assert shared(traces[:3], traces[1:]) == 2
