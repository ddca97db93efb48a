"""TDPO against values derived by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from midcourse.learn.objectives import Constants, Evidence
from midcourse.learn.objectives.preference import dpo
from midcourse.learn.objectives.sequential import tdpo1, tdpo2
from tests.learn.objectives.hand import PLAIN

HALF = Constants(beta=0.5)


def _diverging(chosen: list[float], rejected: list[float]) -> Evidence:
    return replace(
        PLAIN,
        chosen=replace(PLAIN.chosen, kl_T=torch.tensor(chosen, dtype=torch.float64)),
        rejected=replace(PLAIN.rejected, kl_T=torch.tensor(rejected, dtype=torch.float64)),
    )


def test_tdpo1_takes_off_what_the_rejected_side_diverges_more() -> None:
    """m = 2, D(c) = 0.05 + 0.15 = 0.2, D(r) = 0.6: 0.5·(2 − 0.4) = 0.8, log(1 + e^−0.8) = 0.371101."""
    assert tdpo1(_diverging([0.05, 0.15], [0.6]), HALF).item() == pytest.approx(0.371101, abs=1e-6)


def test_tdpo2_takes_off_a_part_of_it() -> None:
    """α = 0.5: 0.5·(2 − 0.5·0.4) = 0.9, log(1 + e^−0.9) = 0.341154."""
    assert tdpo2(_diverging([0.05, 0.15], [0.6]), HALF).item() == pytest.approx(0.341154, abs=1e-6)


def test_without_divergence_both_are_dpo() -> None:
    still = _diverging([0.0, 0.0], [0.0])
    assert tdpo1(still, HALF).item() == tdpo2(still, HALF).item() == dpo(PLAIN, HALF).item()


def test_tdpo2_has_no_gradient_through_the_chosen_divergence() -> None:
    """dl/dx = −β σ(−l): at l = 0.9, 0.5·0.289050 = 0.144525, times α for D(r); tdpo1 at 0.8: 0.5·0.310026 =
    0.155013."""
    for loss, of_chosen, of_rejected in ((tdpo1, -0.155013, 0.155013), (tdpo2, None, 0.072263)):
        found = _diverging([0.05, 0.15], [0.6])
        assert found.chosen.kl_T is not None
        assert found.rejected.kl_T is not None
        found.chosen.kl_T.requires_grad_()
        found.rejected.kl_T.requires_grad_()
        loss(found, HALF).backward()
        assert found.rejected.kl_T.grad is not None
        assert found.rejected.kl_T.grad.tolist() == pytest.approx([of_rejected], abs=1e-6)
        chosen = found.chosen.kl_T.grad
        assert (chosen is None) == (of_chosen is None)
        if chosen is not None:
            assert chosen.tolist() == pytest.approx([of_chosen] * 2, abs=1e-6)
