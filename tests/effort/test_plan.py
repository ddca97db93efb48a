"""Which cells there are, in which order, and what makes another cell of one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmarks.effort import plan, tasks
from benchmarks.effort.methods import BASE, BATCH, DEFAULT, METHODS, REWRITES, group, named
from benchmarks.effort.plan import FULL, Cell, Choice

from midcourse.learn.expression import parse

CELL = Cell("cards", BATCH, 250, 0, Choice(1e-3, 40), FULL)


def test_the_grid_has_every_cell_once() -> None:
    cells = plan.grid(tasks.NAMES, FULL)
    expected = len(tasks.NAMES) * len(FULL.seeds) * (1 + (len(METHODS) - 1) * len(FULL.budgets))
    assert len({cell.key for cell in cells}) == len(cells) == expected


def test_the_default_and_rewrites_come_first_seed_by_seed() -> None:
    cells = plan.grid(tasks.NAMES, FULL)
    first = len(tasks.NAMES) * (1 + 2 * len(FULL.budgets))
    assert {cell.method for cell in cells[:first]} == {BASE, DEFAULT, REWRITES}
    assert {cell.seed for cell in cells[:first]} == {0}
    rounds = [cell.budget for cell in cells if cell.method is DEFAULT and cell.seed == 1 and cell.task == "cards"]
    assert rounds == sorted(rounds), "each round needs the one before"


def test_every_objective_of_a_method_can_be_read() -> None:
    assert all(parse(method.objective) for method in group("objectives"))
    assert group("rounds") == (DEFAULT,)
    with pytest.raises(KeyError):
        group("objective")


def test_every_trained_method_is_tuned() -> None:
    for method, choice in plan.tuned().items():
        assert (choice.learning_rate > 0 and choice.steps > 0) == named(method).trains, method


@pytest.mark.parametrize(
    "other",
    [
        replace(CELL, budget=100),
        replace(CELL, seed=1),
        replace(CELL, method=REWRITES),
        replace(CELL, choice=Choice(5e-4, 40)),
        replace(CELL, choice=Choice(1e-3, 80)),
        replace(CELL, split="dev"),
        replace(CELL, sizes=replace(FULL, answers=8)),
        replace(CELL, sizes=replace(FULL, batch=4)),
    ],
)
def test_another_setting_is_another_cell(other: Cell) -> None:
    assert other.key != CELL.key


def test_what_changes_nothing_keeps_the_key() -> None:
    assert replace(CELL, sizes=replace(FULL, seeds=(5,), budgets=(250, 900))).key == CELL.key
    assert replace(CELL, method=replace(BATCH, label="another name")).key == CELL.key


def test_a_round_depends_on_the_rounds_before_it_and_on_no_later_one() -> None:
    round_two = replace(CELL, method=DEFAULT)
    assert replace(round_two, sizes=replace(FULL, rounds=(*FULL.rounds, 2000))).key == round_two.key
    assert replace(round_two, sizes=replace(FULL, rounds=(50, 250))).key != round_two.key
    chain = [replace(round_two, budget=budget) for budget in FULL.budgets]
    assert len({cell.claim for cell in chain}) == 1, "one worker does them all"
    assert len({cell.claim for cell in chain} | {replace(CELL, seed=1).claim}) == 2


def test_another_prompt_is_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    before = CELL.key
    monkeypatch.setattr(plan, "fingerprint", lambda *_: "others")
    assert before != CELL.key
