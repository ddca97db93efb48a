"""`anchor` against a value derived by hand."""

from __future__ import annotations

import pytest

from midcourse.learn.objectives import Constants
from midcourse.learn.objectives.holding import anchor
from tests.learn.objectives.hand import evidence, runs


def test_anchor_adds_up_divergences_by_weight() -> None:
    """Accepted tokens, weight 1: 0.2 + 0.05; text, weight 3: 0.1. 0.25 + 3·0.1 = 0.55."""
    kept = runs((0, 1.0, [-1.0, -1.0], [-1.0, -1.0]), kl=[0.2, 0.05])
    text = runs((1, 3.0, [-1.0], [-1.0]), kl=[0.1])
    assert anchor(evidence(accepted=kept, text=text), Constants()).item() == pytest.approx(0.55)
