"""Losses without a reference against values derived by hand."""

from __future__ import annotations

import math

import pytest

from midcourse.learn.objectives import Constants
from midcourse.learn.objectives.free import orpo, simpo
from tests.learn.objectives.hand import PLAIN, evidence, runs


def test_simpo_compares_means_with_a_margin() -> None:
    """Means −0.75 and −2: β·1.25 − γ = 2·1.25 − 1 = 1.5, log(1 + e^−1.5) = 0.201413.

    With sums: 2·(−1.5 + 2) − 1 = 0, log 2.
    """
    assert simpo(PLAIN, Constants()).item() == pytest.approx(0.201413, abs=1e-6)
    assert simpo(PLAIN, Constants(), "sum").item() == pytest.approx(math.log(2))


def test_simpo_with_label_smoothing() -> None:
    """ε = 0.1: 0.9·0.201413 + 0.1·1.701413 = 0.351413."""
    assert simpo(PLAIN, Constants(label_smoothing=0.1)).item() == pytest.approx(0.351413, abs=1e-6)


def test_orpo_compares_odds() -> None:
    """Mean probabilities ½ and ⅕: odds 1 and ¼, their ratio 4: −log σ(log 4) = log(1 + ¼)."""
    found = evidence(runs((0, 1.0, [math.log(0.25), 0.0], [0.0, 0.0])), runs((0, 1.0, [math.log(0.2)], [0.0])))
    assert orpo(found, Constants()).item() == pytest.approx(math.log(1.25))
