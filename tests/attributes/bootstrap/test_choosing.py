"""What is asked, what is kept, and when a gain is one."""

from __future__ import annotations

import math

import pytest

from midcourse.attributes.bootstrap import asking, choosing
from midcourse.attributes.bootstrap.choosing import Rated, choose, score
from midcourse.attributes.bootstrap.gain import Gain, error, gain
from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
from midcourse.attributes.drawing import Request, Sample
from midcourse.attributes.predictors.predictor import Prediction
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.errors import ConfigError, UserError

SCHEMA = Schema.load("helpsteer")
OASST = Schema.load("oasst")
ASKED = [{"role": "user", "content": "What is a fjord?"}]


def test_the_goal_is_the_better_end_of_what_can_be_judged() -> None:
    assert asking.goal_of(BootstrapRecipe(), SCHEMA, SCHEMA.names) == SCHEMA.best
    assert asking.goal_of(BootstrapRecipe(), OASST, ["toxicity", "humor"]) == {"toxicity": 0}
    assert asking.goal_of(BootstrapRecipe(goal=["verbosity=1"]), SCHEMA, SCHEMA.names) == {"verbosity": 1}
    with pytest.raises(UserError, match="does not rate verbosity"):
        asking.goal_of(BootstrapRecipe(goal=["verbosity=1"]), SCHEMA, ["helpfulness"])
    with pytest.raises(UserError, match="no attribute"):
        asking.goal_of(BootstrapRecipe(), SCHEMA, ["verbosity"])
    with pytest.raises(ConfigError, match="did you mean"):
        asking.goal_of(BootstrapRecipe(goal=["verbositi=1"]), SCHEMA, SCHEMA.names)


def test_each_prompt_once_the_shortest_where_there_are_too_many() -> None:
    rows = [Row((Turn("user", text), Turn("assistant", "x"))) for text in ("long enough", "hi", "hi", "hello")]
    rows.append(Row((Turn("user", "not answered yet"),)))
    rows.append(Row((Turn("user", "a"), Turn("assistant", "b"), Turn("assistant", "c"))))
    found = [one[-1]["content"] for one in asking.prompts(rows)]
    assert found == ["long enough", "hi", "hello", "not answered yet"]
    assert [one[-1]["content"] for one in asking.prompts(rows, 2)] == ["hi", "hello"]


def test_what_has_no_goal_is_asked_for_by_chance_and_the_same_every_time() -> None:
    recipe, goal = BootstrapRecipe(samples=40), {"helpfulness": 4.0}
    found = asking.requests([ASKED], goal, SCHEMA, recipe, 1)
    assert len(found) == 40
    assert all(tuple(one.values) == SCHEMA.names and one.values["helpfulness"] == 4 for one in found)
    assert {one.values["verbosity"] for one in found} == {0, 1, 2, 3, 4}
    assert asking.requests([ASKED], goal, SCHEMA, recipe, 1) == found
    assert asking.requests([ASKED], goal, SCHEMA, recipe, 2) != found
    still = asking.requests([ASKED], goal, SCHEMA, BootstrapRecipe(vary=False), 1)
    assert all(one.values == goal for one in still)


def test_a_score_is_how_near_the_goal_a_value_is() -> None:
    goal = {"helpfulness": 4.0, "verbosity": 1.0}
    assert score({"helpfulness": 4, "verbosity": 1}, goal, SCHEMA) == 1
    assert score({"helpfulness": 0, "verbosity": 1}, goal, SCHEMA) == 0.5
    assert score({"helpfulness": 3, "verbosity": 3}, goal, SCHEMA) == (0.75 + 0.5) / 2
    assert score({"helpfulness": 4.9, "verbosity": 1}, goal, SCHEMA) == 1  # beyond the end is the end
    assert score({"helpfulness": 4}, goal, SCHEMA) is None


def _rated(*scores: float | None, texts: str = "abcdefgh", ended: bool = True) -> list[Rated]:
    request = Request(ASKED, {})
    return [
        Rated(request, Sample(0, n, (1,), texts[n], ended), Prediction({} if s is None else {"helpfulness": 4 * s}), s)
        for n, s in enumerate(scores)
    ]


def _chosen(some: list[Rated], **recipe: object) -> list[tuple[str, float]]:
    found, _ = choose(some, BootstrapRecipe(samples=4, **recipe))
    return [(one.sample.text, weight) for one, weight in found]


def test_the_best_of_each_prompt_are_kept() -> None:
    some = _rated(0.1, 0.9, 0.4, 0.9) + _rated(0.3, 0.2, 0.1, 0.0, texts="stuv")
    assert _chosen(some) == [("b", 1), ("s", 1)]
    assert _chosen(some, kept=2) == [("b", 1), ("d", 1), ("s", 1), ("t", 1)]
    assert len(_chosen(some, keep="all")) == 8


def test_weights_grow_with_the_score_and_are_1_in_the_mean() -> None:
    found = _chosen(_rated(0.1, 0.2, 0.4, 0.3), keep="weighted", spread=0.1)
    weights = [weight for _, weight in found]
    assert sum(weights) == pytest.approx(4)
    assert weights[1] / weights[0] == pytest.approx(math.e)
    assert max(weights) == weights[2]


def test_what_cannot_be_learnt_from_is_left_out_and_counted() -> None:
    some = [
        *_rated(0.9, 0.9, texts="aa"),
        *_rated(1.0, ended=False),
        *_rated(None, texts="z"),
        *_rated(1.0, 0.5, texts=" y"),
        *_rated(None, None),
    ]
    found, left = choose(some, BootstrapRecipe(samples=4, keep="all"))
    assert [one.sample.text for one, _ in found] == ["a", "y"]
    assert (left.repeated, left.unended, left.unrated, left.empty) == (1, 1, 3, 1)


def test_rows_have_the_values_that_they_have_not_those_asked_for() -> None:
    one = _rated(0.5)[0]
    one = Rated(
        Request(ASKED, {"helpfulness": 4}),
        one.sample,
        Prediction({"helpfulness": 2.2, "verbosity": -0.3, "warmth": 1}, {"verbosity": 0.5}),
        0.5,
    )
    (row,) = choosing.rows([(one, 2.0)], SCHEMA, "judge", 1)
    assert row.last.ratings == {"helpfulness": Rating(2.2, "judge"), "verbosity": Rating(0, "judge", 0.5)}
    assert (row.weight, row.messages[0]) == (2.0, ASKED[0])
    given = [Row((Turn("user", "x"), Turn("assistant", "y")), weight=3)]
    assert [row.weight for row in choosing.replayed(given, 0.5)] == [1.5]
    assert choosing.replayed(given, 0) == []


def test_ids_are_not_those_of_what_an_earlier_run_has_drawn() -> None:
    some = [(one, 1.0) for one in _rated(0.5, 0.5)]
    first = choosing.rows(some, SCHEMA, "judge", 1)
    assert [row.id for row in first] == ["round-1-0-0", "round-1-0-1"]
    second = choosing.rows(some, SCHEMA, "judge", 1, first[:1])
    assert [row.id for row in second] == ["round-1-0-0.2", "round-1-0-1"]
    third = choosing.rows(some, SCHEMA, "judge", 1, [*first, *second])
    assert [row.id for row in third] == ["round-1-0-0.3", "round-1-0-1.2"]


def test_a_gain_is_counted_prompt_by_prompt() -> None:
    """Differences 0.1, 0.3, 0.2: mean 0.2, deviation 0.1, error 0.1 / √3."""
    found = gain([0.1, 0.9, 0.5, None], [0.2, 1.2, 0.7, 1.0])
    assert found == (pytest.approx(0.2), pytest.approx(0.1 / 3**0.5), 3)
    assert found.real(1)
    assert found.real(3)
    assert not found.real(4)
    assert not Gain(0.0, 0.0, 5).real(1)
    assert error([1.0, 3.0]) == pytest.approx(1.0)
    with pytest.raises(UserError, match="two are needed"):
        gain([0.1, None], [0.2, 0.2])


def test_rounds_go_on_from_one_adapter() -> None:
    with pytest.raises(ValueError, match="fresh: rounds go on"):
        BootstrapRecipe(fresh=True)
