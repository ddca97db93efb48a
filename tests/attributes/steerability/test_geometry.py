"""Moves in the space of attributes, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes.schema import Attribute, Schema
from midcourse.attributes.steerability.geometry import Move, mean, move, repeated, scaled, slope, tau

SCHEMA = Schema(name="two", attributes=(Attribute(name="a", better="higher"), Attribute(name="b", better="lower")))


def test_an_exact_move_has_nothing_beside_it() -> None:
    assert move(SCHEMA, {"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}) == Move(0.0, 0.0, 0.0)


def test_half_the_way_and_as_much_beside_it() -> None:
    """Asked 0 → 4 of a: the way is 1 scale. Got a = 2 and b from 0 to 2: half a scale along, half a scale beside it.

    Miscalibration |1 − ½| / 1 = ½; side effects ½ / √(¼ + ¼) = 1/√2; the distance to (1, 0) is √(¼ + ¼).
    """
    got = move(SCHEMA, {"a": 0, "b": 0}, {"a": 4}, {"a": 2, "b": 2})
    assert got == pytest.approx((0.5**0.5, 0.5, 0.5**0.5))


def test_too_far_and_the_wrong_way_are_both_miscalibrated() -> None:
    assert move(SCHEMA, {"a": 1, "b": 0}, {"a": 2}, {"a": 3, "b": 0}).miscalibration == pytest.approx(
        1.0
    )  # twice as far
    assert move(SCHEMA, {"a": 2, "b": 0}, {"a": 4}, {"a": 0, "b": 0}).miscalibration == pytest.approx(2.0)


def test_nothing_has_a_direction_where_nothing_moves() -> None:
    assert move(SCHEMA, {"a": 2, "b": 1}, {"a": 2}, {"a": 2, "b": 4}).miscalibration is None
    assert move(SCHEMA, {"a": 0, "b": 1}, {"a": 4}, {"a": 0, "b": 1}) == Move(1.0, 1.0, None)


def test_what_was_not_judged_is_no_axis() -> None:
    assert move(SCHEMA, {"a": 0}, {"a": 4, "b": 3}, {"a": 4}) == Move(0.0, 0.0, 0.0)


@given(st.lists(st.integers(0, 4), min_size=4, max_size=4))
def test_error_is_never_below_what_is_missing_along_the_way(values: list[int]) -> None:
    start_a, start_b, got_a, got_b = values
    found = move(SCHEMA, {"a": start_a, "b": start_b}, {"a": 4}, {"a": got_a, "b": got_b})
    if found.miscalibration is not None:
        assert found.error >= found.miscalibration * (4 - start_a) / 4 - 1e-9
    assert found.side_effects is None or 0 <= found.side_effects <= 1 + 1e-9


def test_tau() -> None:
    assert tau([0, 1, 2], [0.1, 0.2, 0.9]) == 1
    assert tau([0, 1, 2], [3, 2, 1]) == -1
    assert tau([0, 1, 2], [1, 3, 2]) == pytest.approx(1 / 3)  # of three pairs two agree
    assert tau([0, 1, 2], [1, 1, 1]) == 0
    assert tau([0, 1, 2], [1, 1, 2]) == pytest.approx(2 / (3 * 2) ** 0.5)  # a tie counts in one of the two norms
    assert tau([1], [1]) is None


def test_slope_mean_and_repeats() -> None:
    assert slope([0, 2, 4], [1, 2, 3]) == 0.5
    assert slope([1, 1], [0, 5]) == 0
    assert mean([1.0, 3.0]) == (2.0, 1.0)  # √(2 / 2)
    assert mean([2.0]) == (2.0, 0.0)
    assert mean([]) is None
    assert repeated([1, 2, 3, 4, 1, 2, 3, 4]) == pytest.approx(1 / 5)
    assert repeated([1, 2]) == 0


def test_better_is_up_whichever_end_is_better() -> None:
    assert scaled(SCHEMA, {"a": 2, "b": 2}) == {"a": 0.5, "b": -0.5}
