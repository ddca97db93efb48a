import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes.schema import READY, Attribute, Schema, parse, written
from midcourse.errors import ConfigError, UserError

HELPSTEER = Schema.load("helpsteer")


@pytest.mark.parametrize("name", READY)
def test_ready_made_schemas_say_what_their_ends_mean(name):
    schema = Schema.load(name)
    assert schema.name == name
    assert all(one.description and one.low and one.high for one in schema.attributes)
    assert all(len(one.levels) == 5 for one in schema.attributes)


def test_the_best_values_leave_out_matters_of_taste():
    assert HELPSTEER.best == {"helpfulness": 4, "correctness": 4, "coherence": 4}
    assert Schema.load("oasst").best == {"quality": 4, "toxicity": 0}


@given(st.floats(-1e6, 1e6))
def test_snapping_gives_the_nearest_level(value):
    scale = Attribute(name="x", minimum=-1, maximum=2, step=0.5)
    found = scale.snap(value)
    assert found in scale.levels
    assert abs(found - value) == min(abs(level - value) for level in scale.levels)


@pytest.mark.parametrize(("maximum", "step"), [(1, 0.2), (0.3, 0.1), (0.6, 0.2), (0.7, 0.1), (1, 0.001)])
def test_levels_are_the_numbers_that_people_write(maximum, step):
    scale = Attribute(name="x", minimum=0, maximum=maximum, step=step)
    assert scale.levels[-1] == maximum
    assert all(len(str(level)) <= 5 for level in scale.levels)
    assert [scale.snap(level) for level in scale.levels] == list(scale.levels)


def test_a_schema_in_another_encoding_is_said_and_a_mark_of_order_is_none(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes("name: caf\u00e9\nattributes: []\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        Schema.load(str(path))
    path.write_bytes(b"\xef\xbb\xbf" + b"name: own\nattributes: [{name: x, minimum: 0, maximum: 1, step: 0.5}]\n")
    assert Schema.load(str(path)).names == ("x",)


def test_a_schema_from_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nattributes:\n  - {name: warmth, minimum: -2, maximum: 2, better: higher}\n")
    assert Schema.load(str(path))["warmth"].levels == (-2, -1, 0, 1, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\nattributes: []\n", "attributes"),
        ("name: x\nattributes: [{name: Loud}]\n", "name"),
        ("name: x\nattributes: [{name: a}, {name: a}]\n", "twice"),
        ("name: x\nattributes: [{name: a, minimum: 3, maximum: 3}]\n", "not below"),
        ("name: x\nattributes: [{name: a, step: 0.3}]\n", "do not lead"),
        ("name: x\nattributes: [{name: a, colour: red}]\n", "colour"),
        ("name: [\n", "YAML"),
    ],
)
def test_a_bad_schema_is_one_clear_error(tmp_path, text, says):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as error:
        Schema.load(str(path))
    assert "bad.yaml" in str(error.value)


def test_a_schema_that_is_not_there():
    with pytest.raises(UserError, match=r"helpsteer or oasst or ultrafeedback"):
        Schema.load("helpstear")


def test_requests_are_parsed_and_all_that_is_wrong_is_told():
    assert parse(["verbosity=1", "helpfulness=3.5"]) == {"verbosity": 1, "helpfulness": 3.5}
    with pytest.raises(ConfigError) as error:
        parse(["verbosity", "x=1", "x=2", "y=nan", "=3"])
    assert len(error.value.problems) == 4


def test_unknown_names_and_values_outside_are_told_together():
    with pytest.raises(ConfigError) as error:
        HELPSTEER.check({"verbositi": 1, "helpfulness": 5, "coherence": math.nan, "complexity": 2})
    assert [problem.field for problem in error.value.problems] == ["verbositi", "helpfulness", "coherence"]
    assert "did you mean 'verbosity'?" in str(error.value)


def test_values_are_put_in_the_schemas_order():
    assert list(HELPSTEER.check({"verbosity": 1, "helpfulness": 4})) == ["helpfulness", "verbosity"]


def test_values_as_text():
    assert [written(4.0), written(2.5), written(0)] == ["4", "2.5", "0"]
