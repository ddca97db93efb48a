"""Which requests a measurement makes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from midcourse.attributes.steerability.grid import Sweep, spread, sweeps
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.errors import ConfigError
from tests.attributes.steerability.sample import SCHEMA


def _plan(**settings: Any) -> list[Sweep]:
    return sweeps(SCHEMA, SteerabilitySettings(**settings))


def test_every_attribute_over_its_whole_scale_by_default() -> None:
    plan = _plan()
    assert [one.attribute for one in plan] == list(SCHEMA.names)
    assert {one.levels for one in plan} == {(0.0, 1.0, 2.0, 3.0, 4.0)}
    assert plan[-1].requests(SCHEMA)[1] == {"verbosity": 1.0}


def test_another_one_at_both_ends_at_the_same_time() -> None:
    plan = _plan(attributes=["verbosity"], beside=["complexity"], levels=2)
    assert [(one.held, one.beside) for one in plan] == [
        ({}, None),
        ({"complexity": 0.0}, "complexity"),
        ({"complexity": 4.0}, "complexity"),
    ]
    assert plan[2].requests(SCHEMA) == [{"complexity": 4.0, "verbosity": 0.0}, {"complexity": 4.0, "verbosity": 4.0}]


def test_some_are_looked_at_closely() -> None:
    plan = _plan(
        attributes=["coherence", "verbosity"], guidance=[1, 2], closely=["verbosity"], beside=["complexity"], levels=2
    )
    assert [(one.attribute, one.beside, len(one.levels), one.guidance) for one in plan] == [
        ("coherence", None, 2, 1.0),
        ("verbosity", None, 5, 1.0),
        ("verbosity", "complexity", 5, 1.0),
        ("verbosity", "complexity", 5, 1.0),
        ("verbosity", None, 5, 2.0),
    ]


def test_what_is_held_is_asked_for_beside_every_other_one() -> None:
    plan = _plan(attributes=["helpfulness", "verbosity"], holding=["helpfulness=4"], levels=2)
    assert plan[0].held == {}
    assert plan[1].held == {"helpfulness": 4.0}


def test_levels_lie_evenly_on_the_steps_of_the_scale() -> None:
    one = SCHEMA["verbosity"]
    assert spread(one, 3) == (0.0, 2.0, 4.0)
    assert spread(one, 0) == spread(one, 9) == one.levels
    assert spread(one, 2) == (0.0, 4.0)
    with pytest.raises(ValidationError, match="a slope needs two values"):
        SteerabilitySettings(levels=1)


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        _plan(attributes=["verbosty"], beside=["charm"], holding=["coherence=9"])
    assert len(caught.value.problems) == 3
