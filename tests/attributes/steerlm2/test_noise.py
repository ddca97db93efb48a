"""The probability of a rating, against the normal distribution's table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes.predictors.predictor import Prediction
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerlm2.noise import log_level, log_likelihood
from midcourse.errors import UserError

SCHEMA = Schema.load("helpsteer")


def test_a_level_has_all_that_is_rounded_to_it() -> None:
    """N(2, 1): level 2 is Φ(½) − Φ(−½) = 0.382925, 3 is Φ(1½) − Φ(½) = 0.241730, 4 all from 1½ on: 0.066807."""
    found = [math.exp(log_level(level, 2, 1, SCHEMA, "verbosity")) for level in (2, 3, 4)]
    assert found == pytest.approx([0.382925, 0.241730, 0.066807], abs=1e-6)


@given(st.floats(-3, 7), st.floats(0.05, 5))
def test_the_levels_have_everything(mean: float, deviation: float) -> None:
    levels = SCHEMA["verbosity"].levels
    assert sum(math.exp(log_level(level, mean, deviation, SCHEMA, "verbosity")) for level in levels) == pytest.approx(1)


def test_far_away_is_unlikely_and_finite() -> None:
    """N(0, 0.1) at level 4: log Φ(−35) = −617.0 (−35²/2 − log(35√2π) = −612.5 − 4.475, and a little)."""
    assert log_level(4, 0, 0.1, SCHEMA, "verbosity") == pytest.approx(-616.976, abs=0.01)
    assert math.isfinite(log_level(2, -3, 0.05, SCHEMA, "verbosity"))
    assert log_level(1, 4, 0.2, SCHEMA, "verbosity") == pytest.approx(log_level(3, 0, 0.2, SCHEMA, "verbosity"))


def test_attributes_are_independent_and_silence_says_nothing() -> None:
    rated = Prediction(
        {"helpfulness": 3.2, "verbosity": 1.1, "complexity": 2.0}, {"helpfulness": 0.7, "verbosity": 0.5}
    )
    both = log_likelihood({"helpfulness": 4, "verbosity": 1}, rated, SCHEMA)
    apart = log_level(4, 3.2, 0.7, SCHEMA, "helpfulness") + log_level(1, 1.1, 0.5, SCHEMA, "verbosity")
    assert both == pytest.approx(apart)
    assert log_likelihood({}, rated, SCHEMA) == 0
    assert log_likelihood({"verbosity": 1.3}, rated, SCHEMA) == log_likelihood({"verbosity": 1}, rated, SCHEMA)


def test_what_the_predictor_does_not_know_is_said() -> None:
    rated = Prediction({"complexity": 2.0}, {})
    with pytest.raises(UserError, match="does not rate verbosity"):
        log_likelihood({"verbosity": 1}, rated, SCHEMA)
    with pytest.raises(UserError, match="how noisy its values of complexity"):
        log_likelihood({"complexity": 1}, rated, SCHEMA)
