"""What is asked of every predictor before its values are compared with anything."""

from __future__ import annotations

from typing import Any

import pytest

from midcourse.attributes.predictors.predictor import comparable
from midcourse.attributes.schema import Attribute, Schema
from midcourse.errors import UserError
from tests.attributes.steerability.sample import Counting

SCHEMA = Schema.load("helpsteer")


def _schema(**scales: Any) -> Schema:
    return Schema(name="other", attributes=tuple(Attribute(name=name, **scale) for name, scale in scales.items()))


def test_values_are_compared_on_one_scale() -> None:
    other = _schema(verbosity={}, warmth={"minimum": 1, "maximum": 5}, helpfulness={"step": 0.5, "better": "lower"})
    comparable(SCHEMA, Counting(attributes=other))  # as far as both know it; between the steps is on the scale, too
    other = _schema(helpfulness={"minimum": 1, "maximum": 5}, verbosity={}, coherence={"maximum": 10, "step": 2.5})
    with pytest.raises(UserError) as error:
        comparable(SCHEMA, Counting("judge-1", other))
    assert "judge-1 rates helpfulness from 1 to 5, not 0 to 4; coherence from 0 to 10, not 0 to 4" in str(error.value)
    assert "Give a predictor that was fitted with the model's schema (helpsteer)" in str(error.value)


def test_what_it_says_nothing_of_is_not_compared() -> None:
    class Partly(Counting):
        unrated = ("helpfulness",)

    comparable(SCHEMA, Partly(attributes=_schema(helpfulness={"minimum": 1, "maximum": 5}, verbosity={})))
