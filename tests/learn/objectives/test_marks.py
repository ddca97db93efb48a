"""Unlikelihood against values derived by hand."""

from __future__ import annotations

import math

import pytest
import torch

from midcourse.learn.objectives import Constants
from midcourse.learn.objectives.marks import CERTAIN, log1mexp, unlikelihood, unlikelihood_all
from tests.learn.objectives.hand import PLAIN, evidence, runs

MARK = runs((0, 2.0, [math.log(0.5), math.log(0.2)], [0.0, 0.0]))


def test_unlikelihood_is_of_every_token_of_a_mark() -> None:
    """Probabilities ½ and ⅕, weight 2: −2·(log ½ + log ⅘) = 2·0.916291; with means half of it."""
    assert unlikelihood(evidence(marked=MARK), Constants()).item() == pytest.approx(2 * 0.916291, abs=1e-6)
    assert unlikelihood(evidence(marked=MARK), Constants(), "mean").item() == pytest.approx(0.916291, abs=1e-6)


def test_runs_of_one_mark_share_its_weight() -> None:
    """Weight 2, two runs of probability ½ and ¾: −(log ½ + log ¼) = 3·log 2."""
    found = evidence(marked=runs((0, 2.0, [math.log(0.5)], [0.0]), (0, 2.0, [math.log(0.75)], [0.0])))
    assert unlikelihood(found, Constants()).item() == pytest.approx(3 * math.log(2))


def test_what_has_a_correction_is_left_to_other_losses() -> None:
    """The rejected run of PLAIN has the probability e⁻²: −log(1 − e⁻²) = 0.145413, for `unlikelihood_all` alone."""
    assert unlikelihood(PLAIN, Constants()).item() == 0
    assert unlikelihood_all(PLAIN, Constants()).item() == pytest.approx(0.145413, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_certain_token_costs_much_but_not_all(dtype: torch.dtype) -> None:
    """At log p = 0 the tangent at 10⁻⁶: value log 10⁻⁶ − 1, slope −10⁶. By the logits the gradient is at most 1."""
    log_p = torch.tensor([0.0, CERTAIN, math.log(0.5), -100.0], dtype=dtype, requires_grad=True)
    found = log1mexp(log_p)
    found.sum().backward()
    assert found.tolist() == pytest.approx([math.log(1e-6) - 1, math.log(1e-6), math.log(0.5), 0.0], rel=1e-5)
    assert log_p.grad is not None
    assert log_p.grad[[0, 2, 3]].tolist() == pytest.approx([-1e6, -1.0, 0.0], rel=1e-5)
