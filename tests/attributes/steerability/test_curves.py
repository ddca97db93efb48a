"""A curve of what a judge says, where it leaves something out."""

from __future__ import annotations

import pytest

from midcourse.attributes.drawing import Sample
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerability.answers import Judged
from midcourse.attributes.steerability.curves import curve
from midcourse.attributes.steerability.grid import Sweep
from midcourse.errors import UserError

SCHEMA = Schema.load("helpsteer")
SWEEP = Sweep("verbosity", (0.0, 2.0, 4.0), {}, 1.0)


def judged(**values: float) -> Judged:
    return Judged(Sample(0, 0, (5, 6, 7), "some words", True), values)


def test_what_is_missing_is_missing() -> None:
    neutral = [judged(verbosity=2, helpfulness=3)] * 2
    answers = [
        [judged(verbosity=1, helpfulness=3), judged(helpfulness=2)],
        [judged(verbosity=2, helpfulness=3), judged(verbosity=1)],
        [judged(verbosity=3, helpfulness=3), judged(verbosity=3, helpfulness=4)],
    ]
    found = curve(SCHEMA, SWEEP, neutral, answers)
    assert [one.obtained["verbosity"].count for one in found.levels] == [1, 2, 2]
    assert [one.obtained["helpfulness"].count for one in found.levels] == [2, 1, 2]
    assert [one.obtained["verbosity"].value for one in found.levels] == [1, 1.5, 3]
    assert found.slope.value == pytest.approx((0.5 + 1) / 2)  # of the second prompt two levels are known
    assert "complexity" not in found.effects
    assert found.effects["helpfulness"].value == pytest.approx((0 + 0.5 * 4 / 4) / 2)


def test_a_dial_of_which_nothing_is_known_is_one_clear_error() -> None:
    with pytest.raises(UserError, match="has left out verbosity"):
        curve(SCHEMA, SWEEP, [judged(helpfulness=3)], [[judged(helpfulness=3)]] * 3)
