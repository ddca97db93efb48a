"""Margins: means, median, accuracy, and what has none."""

import pytest

from midcourse.learn.score import SteerScore
from midcourse.measure import margins


def score(chosen: float | None, *rejected: float) -> SteerScore:
    return SteerScore(0, 0, chosen, list(rejected), None if chosen is None else 4, [2] * len(rejected))


def test_the_margin_is_against_the_likeliest_rejected_run() -> None:
    assert margins.taken(score(-3, -9, -5)).margin == 2
    assert margins.taken(score(None, -5)).margin is None
    assert margins.taken(score(-5)).margin is None
    assert margins.taken(None).margin is None


def test_marks_and_insertions_count_in_no_margin_but_in_their_side() -> None:
    side = margins.summary([score(-2, -6), score(-4, -2), score(-1), score(None, -8)])
    assert side.accuracy == 0.5
    assert side.margin_mean == 1
    assert side.margin_median == 1
    assert side.chosen_logp_per_token == pytest.approx(-7 / 12)
    assert side.rejected_logp_per_token == pytest.approx(-16 / 6)


def test_swapped_sides_flip_the_sign() -> None:
    pairs = [(-3.0, -1.0), (-2.0, -7.0), (-4.5, -4.0)]
    one = margins.summary([score(chosen, rejected) for chosen, rejected in pairs])
    other = margins.summary([score(rejected, chosen) for chosen, rejected in pairs])
    assert one.margin_mean == -(other.margin_mean or 0)
    assert one.margin_median == -(other.margin_median or 0)
    assert (one.accuracy or 0) + (other.accuracy or 0) == 1


def test_nothing_gives_nothing() -> None:
    assert margins.summary([]).model_dump(exclude_none=True) == {}
