"""Settings by topic in --help."""

from __future__ import annotations

from collections.abc import Callable

from midcourse.cli.topics import flags
from midcourse.learn.run.recipe import TOPICS, Recipe
from tests.cli.conftest import Ran


def test_flags_are_the_settings() -> None:
    made = flags(Recipe, TOPICS)
    assert list(made.model_fields) == list(Recipe.model_fields)
    assert made().model_dump() == Recipe().model_dump()
    assert made(epochs=2).model_fields_set == {"epochs"}


def test_a_list_takes_several_values_behind_one_flag(mc: Callable[..., Ran]) -> None:
    given = ("attributes", "measure", "--data", "a", "--predictor", "b", "--out", "c")
    ran = mc(*given, "--guidance", "1", "99", "--levels", 2)
    assert ran.code == 2
    assert "--guidance" in ran.err
    assert "99" in ran.err


def test_help_shows_topics_in_order(mc: Callable[..., Ran]) -> None:
    shown = mc("train", "--help").out
    places = [shown.index(f"─ {topic} ─") for topic in dict.fromkeys(TOPICS.values())]
    assert places == sorted(places)
    assert shown.index("─ Objective ─") < shown.index("--beta") < shown.index("─ Steps ─")
