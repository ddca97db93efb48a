"""The verdicts on curves that can be reckoned by hand."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.effort import verdicts
from benchmarks.effort.verdicts import Ahead, curve, efforts, judge, reach


def row(method: str, budget: int, rate: float, **more: Any) -> dict[str, Any]:
    """A finished cell; as many tokens as the budget allows were typed."""
    known = {
        "task": "t",
        "split": "held-out",
        "seed": 0,
        "typed": budget,
        "share": rate,
        "steers": 1.0,
        "kl": 0.1,
        "answers": 5,
    }
    return {**known, "method": method, "budget": budget, "pass_rate": rate, **more}


BASE = row("base", 0, 0.0, kl=None, steers=6.0)
REWRITES = [row("rewrites", 100, 0.2), row("rewrites", 300, 0.6), row("rewrites", 900, 0.6)]


def test_a_curve_is_the_mean_over_seeds_and_starts_at_the_untouched_model() -> None:
    rows = [BASE, row("base", 0, 0.1, seed=1, kl=None), row("m", 100, 0.2, typed=90), row("m", 100, 0.6, seed=1)]
    first, second = curve(rows, "t", "m")
    assert first.typed == 0
    assert first.quality == pytest.approx(0.05)
    assert first.kl is None
    assert second == verdicts.Point(100, 95, pytest.approx(0.4), 0.2, 0.6, pytest.approx(0.4), 1.0, 0.1, 5, 2)


def test_other_tasks_and_the_dev_split_are_not_on_the_curve() -> None:
    rows = [BASE, row("m", 100, 0.9, task="u"), row("m", 100, 0.9, split="dev"), row("m", 100, 0.1)]
    assert [point.quality for point in curve(rows, "t", "m")] == [0.0, 0.1]


@pytest.mark.parametrize(
    ("quality", "effort"),
    [(0.0, 0), (0.1, 50), (0.2, 100), (0.4, 200), (0.6, 300), (0.61, None)],
)
def test_the_effort_for_a_quality_lies_on_straight_lines(quality: float, effort: float | None) -> None:
    found = reach(curve([BASE, *REWRITES], "t", "rewrites"), quality)
    assert found == (None if effort is None else pytest.approx(effort))


def test_a_curve_that_falls_again_has_reached_it_before() -> None:
    rows = [BASE, row("m", 100, 0.8), row("m", 300, 0.4), row("m", 900, 1.0)]
    assert reach(curve(rows, "t", "m"), 0.8) == pytest.approx(100)
    assert reach(curve(rows, "t", "m"), 0.9) == pytest.approx(300 + 600 * 0.5 / 0.6)


def test_the_part_of_the_effort() -> None:
    mine = [row("rounds", 100, 0.6), row("rounds", 300, 0.7)]
    found = efforts(curve([BASE, *mine], "t", "rounds"), curve([BASE, *REWRITES], "t", "rewrites"))
    assert [one.budget for one in found] == [100, 300, 900]
    assert [one.ratio for one in found] == pytest.approx([100 * 0.2 / 0.6 / 100, 1 / 3, 1 / 3])
    never = efforts(curve([BASE, row("rounds", 100, 0.1)], "t", "rounds"), curve([BASE, *REWRITES], "t", "rewrites"))
    assert [one.ratio for one in never] == [None, None, None]


def test_a_quality_that_the_model_had_anyway_is_no_effort() -> None:
    rows = [row("base", 0, 0.5), row("rewrites", 100, 0.4), row("rewrites", 300, 0.5), row("rewrites", 900, 0.8)]
    assert [one.budget for one in efforts(curve(rows, "t", "x"), curve(rows, "t", "rewrites"))] == [900]


def test_all_three_hold() -> None:
    mine = [row("rounds", 100, 0.9), row("rounds", 300, 0.95), row("rounds", 900, 1.0)]
    found = judge([BASE, *mine, *REWRITES], "t")
    assert found.best is not None
    assert found.best.quality == 0.6
    assert found.best.rival == pytest.approx(300), "rewrites are no better at 900 than at 300"
    assert found.best.ratio == pytest.approx(100 * 0.6 / 0.9 / 300)
    assert found.ahead == Ahead(3, 0, 0)
    assert found.holds == (True, True, True)


def test_none_holds() -> None:
    mine = [row("rounds", 100, 0.2, kl=0.5), row("rounds", 300, 0.61, share=0.1), row("rounds", 900, 0.6, share=0.59)]
    found = judge([BASE, *mine, *REWRITES], "t")
    assert found.best is not None
    assert found.best.default is not None
    assert found.best.default > 100
    assert found.ahead == Ahead(1, 1, 1), "level at 100, ahead by the pass rate at 300, behind by the share at 900"
    assert found.drift == pytest.approx((0.7 / 3, 0.1))
    assert found.holds == (False, False, False)


def test_only_what_both_have_is_compared() -> None:
    rows = [BASE, row("rounds", 100, 0.9), row("rounds", 300, 0.9), REWRITES[0], row("rewrites", 100, 0.2, seed=1)]
    found = judge(rows, "t")
    assert sum(found.ahead) == 1
    assert [one.budget for one in found.each] == [100]


def test_nothing_to_judge() -> None:
    found = judge([BASE], "t")
    assert found.best is None
    assert found.holds == (None, None, None)
