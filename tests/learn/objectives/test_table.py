"""What all objectives have in common: signs, what they read, what they say of themselves."""

from __future__ import annotations

import inspect
import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from midcourse.learn.objectives import OBJECTIVES, Constants, Evidence
from midcourse.learn.settings import TrainSettings
from tests.learn.objectives.hand import PLAIN, SHARED, evidence, runs

PAIRWISE = [name for name, objective in OBJECTIVES.items() if {"chosen", "rejected"} <= objective.sides]


def _full() -> Evidence:
    """Something on every side, and gradients everywhere."""
    sides = [
        runs((0, 1.0, [-1.0, -0.5], [-0.9, -1.0]), kl=[0.1, 0.2]),
        runs((0, 1.0, [-2.0, -1.5], [-2.1, -1.0]), kl=[0.1, 0.3]),
        runs((1, 1.0, [-0.7], [-0.5]), kl=[0.1]),
        runs((2, 1.0, [-0.7], [-0.5]), kl=[0.1]),
        runs((3, 1.0, [-0.7], [-0.5]), kl=[0.1]),
        runs((4, 1.0, [-0.7], [-0.5]), (4, 1.0, [-0.9], [-0.5]), kl=[0.1, 0.1], drawn=[(0.9, -1.0), (0.1, -1.0)]),
    ]
    for side in sides:
        side.logp_T.requires_grad_()
        assert side.kl_T is not None
        side.kl_T.requires_grad_()
    return Evidence(*sides)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_what_is_right_is_raised_and_what_is_wrong_lowered(name: str) -> None:
    """By the sign of the gradient: chosen and accepted tokens at most 0, rejected and marked ones at least 0.

    And the sides that an objective says it looks at are those that it has a gradient for.
    """
    found, objective = _full(), OBJECTIVES[name]
    objective(found, Constants(beta=0.5)).backward()
    signs = {"chosen": -1, "rejected": 1, "marked": 1, "accepted": -1, "text": 0, "sample": 0}
    for side, sign in signs.items():
        grads = [value.grad for value in (getattr(found, side).logp_T, getattr(found, side).kl_T)]
        assert any(grad is not None and grad.any() for grad in grads) == (side in objective.sides), side
        if grads[0] is not None:
            assert (sign * grads[0] >= 0).all(), side
        if grads[1] is not None and grads[1].any():
            assert side in objective.divergence


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_needs_what_it_says_it_needs(name: str) -> None:
    """Without the reference, or its distributions, only an objective that says so fails."""
    full, objective = _full(), OBJECTIVES[name]
    sides = {field.name: getattr(full, field.name) for field in fields(Evidence)}
    blind = Evidence(**{side: replace(value, ref_T=None, kl_T=None) for side, value in sides.items()})
    still = Evidence(**{side: replace(value, kl_T=None) for side, value in sides.items()})
    if objective.reference:
        with pytest.raises(AssertionError, match="needs the reference"):
            objective(blind, Constants())
    else:
        objective(blind, Constants())
    if objective.divergence:
        with pytest.raises(AssertionError, match="distributions"):
            objective(still, Constants())
    else:
        objective(still, Constants())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_reads_the_constants_that_it_says_it_reads(name: str) -> None:
    read = set()

    class Spy:
        def __getattr__(self, constant: str) -> Any:
            read.add(constant)
            return getattr(Constants(), constant)

    OBJECTIVES[name].loss(_full(), Spy())
    assert read == OBJECTIVES[name].constants


def test_every_constant_is_a_setting_with_the_same_default() -> None:
    used = set().union(*(objective.constants for objective in OBJECTIVES.values()))
    assert {field.name for field in fields(Constants)} == used | {"lengths"}
    assert TrainSettings().constants == Constants()


@pytest.mark.parametrize("name", PAIRWISE)
def test_swapped_sides_are_the_other_preference(name: str) -> None:
    """σ(l) + σ(−l) = 1 for losses −log σ(l) whose l changes its sign; the others cost more the wrong way round."""
    if not {"dpo", "ddpo", "listwise", "tdpo1", "orpo"} & {name}:
        plain = OBJECTIVES[name](_full(), Constants(beta=0.5))
        full = _full()
        assert OBJECTIVES[name](replace(full, chosen=full.rejected, rejected=full.chosen), Constants(beta=0.5)) > plain
        return
    for found in (_full(), SHARED if name != "tdpo1" else _full()):
        one = OBJECTIVES[name](found, Constants(beta=0.5))
        two = OBJECTIVES[name](replace(found, chosen=found.rejected, rejected=found.chosen), Constants(beta=0.5))
        assert math.exp(-one.item()) + math.exp(-two.item()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_to_look_at_costs_nothing(name: str) -> None:
    assert OBJECTIVES[name](evidence(), Constants()).item() == 0


def test_lengths_change_what_is_measured() -> None:
    assert {name for name, objective in OBJECTIVES.items() if objective.lengths == "mean"} == {
        "ipo", "ddpo", "simpo", "orpo"
    }  # fmt: skip
    assert OBJECTIVES["anchor"].lengths is None
    sums = OBJECTIVES["dpo"](PLAIN, Constants(beta=0.5), "sum")
    assert torch.equal(sums, OBJECTIVES["dpo"](PLAIN, Constants(beta=0.5)))
    assert OBJECTIVES["dpo"](PLAIN, Constants(beta=0.5), "mean") != sums


@pytest.mark.parametrize("name", OBJECTIVES)
def test_docstrings_say_formula_source_and_use(name: str) -> None:
    formula, *rest = (inspect.getdoc(OBJECTIVES[name].loss) or "").split("\n\n")
    assert "\n" not in formula
    assert not formula.endswith(".")
    assert sum(part.startswith("From ") for part in rest) == 1
    assert sum(part.startswith("Use it ") for part in rest) == 1
    assert all(part.startswith(("From ", "Use it ", "Deviation")) for part in rest)
    assert OBJECTIVES[name].loss.__name__ == name
