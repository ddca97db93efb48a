"""`shared` is what counting one token after another gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from midcourse.trace.prefix import shared

SIDES = some.lists(some.lists(some.integers(0, 2), max_size=40), min_size=1, max_size=4)


@given(SIDES, some.lists(some.integers(0, 2), max_size=40))
def test_it_is_what_counting_gives(sides: list[list[int]], before: list[int]) -> None:
    whole = [[*before, *side] for side in sides]
    counted = 0
    while all(len(side) > counted and side[counted] == whole[0][counted] for side in whole):
        counted += 1
    assert shared(*whole) == shared(*map(tuple, whole)) == counted
