"""Where to look: at falls of what should be high, at rises of what should be low, and where the model was not sure."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes.predictors.predictor import Dense
from midcourse.attributes.proposals import APART, AT_MOST, falls, propose
from midcourse.attributes.schema import Attribute, Schema

SCHEMA = Schema(
    name="three",
    attributes=(
        Attribute(name="quality", better="higher"),
        Attribute(name="toxicity", better="lower"),
        Attribute(name="length"),
    ),
)
ENDS = list(range(1, 31))  # a token a byte
SURE = [0.1] * 30


def test_a_fall_is_found_at_the_token_where_the_low_values_begin() -> None:
    dense = Dense(ENDS, {"quality": [4.0] * 12 + [1.0] * 18})
    first = propose(dense, ENDS, SURE, SCHEMA)[0]
    assert (first.token, first.attribute, first.drop) == (12, "quality", 3.0)


def test_what_should_be_low_counts_where_it_rises_and_what_has_no_better_end_never() -> None:
    dense = Dense(ENDS, {"toxicity": [0.0] * 7 + [4.0] * 23, "length": [4.0] * 20 + [0.0] * 10})
    first = propose(dense, ENDS, SURE, SCHEMA)[0]
    assert (first.token, first.attribute, first.drop) == (7, "toxicity", 4.0)
    assert set(falls(dense, ENDS, SCHEMA)) == {"toxicity"}
    assert set(falls(dense, ENDS)) == {"toxicity", "length"}


def test_values_are_taken_by_where_tokens_end() -> None:
    """The predictor's tokens end at 2, 5 and 9; the answer's at 1, 4, 6 and 9."""
    dense = Dense([2, 5, 9], {"quality": [3.0, 2.0, 0.0]})
    assert falls(dense, [1, 4, 6, 9], span=1)["quality"] == [0.0, 0.0, 1.0, 2.0]


def test_without_a_predictor_the_least_sure_token_comes_first() -> None:
    surprise = [0.1] * 30
    surprise[9], surprise[20] = 5.0, 3.0
    assert [one.token for one in propose(None, ENDS, surprise)][:2] == [9, 20]
    assert propose(None, ENDS, surprise)[0][1:3] == ("", 0.0)


def test_a_surprise_and_a_fall_at_one_place_win_over_each_alone() -> None:
    dense = Dense(ENDS, {"quality": [4.0] * 6 + [3.0] * 14 + [2.0] * 10})
    surprise = [0.1] * 30
    surprise[12] = surprise[20] = 4.0
    assert propose(dense, ENDS, surprise, SCHEMA)[0].token == 20


def test_tokens_that_a_person_wrote_are_not_proposed() -> None:
    dense = Dense(ENDS, {"quality": [4.0] * 12 + [1.0] * 18})
    surprise = [None if token < 15 else 0.1 for token in range(30)]
    assert all(one.token >= 15 for one in propose(dense, ENDS, surprise, SCHEMA))
    assert propose(dense, ENDS, [None] * 30, SCHEMA) == []
    assert propose(None, [], []) == []


VALUES = st.lists(st.integers(0, 40).map(lambda tenths: tenths / 10), min_size=1, max_size=60)


@given(VALUES, st.data())
def test_proposals_are_apart_in_order_and_the_same_for_any_units(values: list[float], data: st.DataObject) -> None:
    """A schema's units change drops, and nothing about where they are."""
    ends = list(range(1, len(values) + 1))
    surprise = data.draw(st.lists(st.floats(0, 20), min_size=len(values), max_size=len(values)))
    found = propose(Dense(ends, {"quality": values}), ends, surprise)
    assert 0 < len(found) <= AT_MOST
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    places = sorted(one.token for one in found)
    assert all(later - earlier > APART for earlier, later in pairwise(places))
    doubled = propose(Dense(ends, {"quality": [2 * value for value in values]}), ends, surprise)
    assert [one.token for one in doubled] == [one.token for one in found]
    assert [one.drop for one in doubled] == pytest.approx([2 * one.drop for one in found])
