"""Losses against the reference, each against a value derived by hand.

log(1 + e⁻¹) = 0.313262, log(1 + e) = 1.313262, log(1 + e⁻²) = 0.126928, log(1 + e^−0.8) = 0.371101.
"""

from __future__ import annotations

import math

import pytest
import torch

from midcourse.learn.objectives import Constants
from midcourse.learn.objectives.preference import bdpo, ddpo, dpo, dpop, hinge, ipo, listwise, robust
from tests.learn.objectives.hand import FALLEN, PLAIN, SEVERAL, SHARED, evidence, runs

HALF = Constants(beta=0.5)


def test_dpo_is_the_logistic_loss_of_the_margin() -> None:
    """β·2 with β = 0.5 is 1: −log σ(1) = log(1 + e⁻¹). With means Δ(c) = 0.5: β·1.5 = 0.75, log(1 + e^−0.75) =
    0.386871."""
    assert dpo(PLAIN, HALF).item() == pytest.approx(0.313262, abs=1e-6)
    assert dpo(PLAIN, HALF, "mean").item() == pytest.approx(0.386871, abs=1e-6)


def test_label_smoothing_mixes_in_the_other_way_round() -> None:
    """ε = 0.1: 0.9·log(1 + e⁻¹) + 0.1·log(1 + e) = 0.281936 + 0.131326 = 0.413262."""
    assert dpo(PLAIN, Constants(beta=0.5, label_smoothing=0.1)).item() == pytest.approx(0.413262, abs=1e-6)


def test_robust_takes_the_other_way_round_out_again() -> None:
    """ε = 0.1: (0.9·0.313262 − 0.1·1.313262) / 0.8 = (0.281936 − 0.131326) / 0.8 = 0.188262."""
    assert robust(PLAIN, Constants(beta=0.5, label_smoothing=0.1)).item() == pytest.approx(0.188262, abs=1e-6)
    assert robust(PLAIN, HALF).item() == dpo(PLAIN, HALF).item()


def test_robust_is_unbiased() -> None:
    """Its mean over labels flipped at rate ε is the loss without flips: 0.8·l(m) + 0.2·l(−m) = dpo(m)."""
    flipped = evidence(PLAIN.rejected, PLAIN.chosen)
    constants = Constants(beta=0.5, label_smoothing=0.2)
    mean = 0.8 * robust(PLAIN, constants) + 0.2 * robust(flipped, constants)
    assert mean.item() == pytest.approx(dpo(PLAIN, HALF).item())


def test_ipo_draws_the_mean_margin_to_a_number() -> None:
    """Means: 1/2 − (−1) = 1.5; β = 0.5 wants 1/(2·0.5) = 1: 0.5² = 0.25. With sums the margin is 2: 1."""
    assert ipo(PLAIN, HALF).item() == pytest.approx(0.25)
    assert ipo(PLAIN, HALF, "sum").item() == pytest.approx(1.0)


def test_hinge_leaves_alone_what_is_learned() -> None:
    """1 − 0.25·2 = 0.5; 1 − 0.5·2 = 0; 1 − 0.75·2 is below 0."""
    assert hinge(PLAIN, Constants(beta=0.25)).item() == pytest.approx(0.5)
    assert hinge(PLAIN, HALF).item() == 0
    assert hinge(PLAIN, Constants(beta=0.75)).item() == 0


def test_ddpo_weighs_what_the_correction_changed() -> None:
    """γ = 3: S(c) = (0.2 + 3·1)/4 = 0.8, S(r) = (−0.2 − 3·1)/4 = −0.8; β·1.6 = 0.8: log(1 + e^−0.8) = 0.371101.

    γ = 1 is dpo with means: (0.6 + 0.6)·0.5 = 0.6, log(1 + e^−0.6) = 0.437488.
    """
    assert ddpo(SHARED, HALF).item() == pytest.approx(0.371101, abs=1e-6)
    assert ddpo(SHARED, Constants(beta=0.5, ddpo_gamma=1)).item() == pytest.approx(0.437488, abs=1e-6)
    assert dpo(SHARED, HALF, "mean").item() == pytest.approx(0.437488, abs=1e-6)


def test_dpop_is_dpo_while_the_correction_is_above_the_reference() -> None:
    assert dpop(PLAIN, HALF).item() == pytest.approx(dpo(PLAIN, HALF).item())


def test_dpop_charges_for_a_fallen_correction() -> None:
    """Δ(c) = −0.5, λ = 5: β·(2 − 5·0.5) = 0.5·(−0.5) = −0.25, and −log σ(−0.25) = 0.825939."""
    assert dpop(FALLEN, HALF).item() == pytest.approx(0.825939, abs=1e-6)
    assert dpo(FALLEN, HALF).item() == pytest.approx(0.313262, abs=1e-6)


def test_bdpo_takes_the_rejected_run_from_a_mixture() -> None:
    """Δ(c) = 0, Δ(r) = −log 3, λ = ½: the mixture is ½·⅓ + ½ = ⅔ of the reference. β = 1: −log σ(−log ⅔) = log(5/3).

    λ = ⅕: ⅕·⅓ + ⅘ = 13/15, so log(28/15).
    """
    found = evidence(runs((0, 1.0, [-1.0], [-1.0])), runs((0, 1.0, [-1.0 - math.log(3)], [-1.0])))
    assert bdpo(found, Constants(beta=1.0)).item() == pytest.approx(math.log(5 / 3))
    assert bdpo(found, Constants(beta=1.0, bdpo_lambda=0.2)).item() == pytest.approx(math.log(28 / 15))


def test_bdpo_gains_nothing_more_from_a_rejected_run_that_is_gone() -> None:
    """Δ(r) = −50: no more than −log(1 − ½) = log 2 is to be had; Δ(c) = 0, β = 1: −log σ(log 2) = log 1.5."""
    rejected = runs((0, 1.0, [-51.0], [-1.0]))
    rejected.logp_T.requires_grad_()
    loss = bdpo(evidence(runs((0, 1.0, [-1.0], [-1.0])), rejected), Constants(beta=1.0))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(1.5))
    assert rejected.logp_T.grad is not None
    assert rejected.logp_T.grad.abs().max() < 1e-20


def test_several_rejected_runs_share_the_steers_weight() -> None:
    """Margins 2 and 4 at β = 0.5, weight 3: 3·(0.313262 + 0.126928)/2 = 0.660285."""
    assert dpo(SEVERAL, HALF).item() == pytest.approx(0.660285, abs=1e-6)


def test_listwise_compares_with_all_rejected_runs_at_once() -> None:
    """Margins 2 and 4 at β = 0.5, weight 3: 3·log(1 + e⁻¹ + e⁻²) = 3·log 1.503215 = 3·0.407606 = 1.222818."""
    assert listwise(SEVERAL, HALF).item() == pytest.approx(1.222818, abs=1e-6)


def test_listwise_is_dpo_for_one_rejected_run_and_plackett_luce_for_several() -> None:
    assert listwise(PLAIN, HALF).item() == pytest.approx(dpo(PLAIN, HALF).item())
    scores = 0.5 * torch.tensor([1.0, -1.0, -3.0])
    assert listwise(SEVERAL, HALF).item() == pytest.approx(-3 * scores.log_softmax(0)[0].item(), rel=1e-6)


def test_listwise_stands_extreme_margins() -> None:
    """A margin of −1000 at β = 1 costs 1000; one of +1000 costs nothing."""
    for change, expected in ((-1000.0, 1000.0), (1000.0, 0.0)):
        chosen = runs((0, 1.0, [change], [0.0]))
        chosen.logp_T.requires_grad_()
        loss = listwise(evidence(chosen, runs((0, 1.0, [0.0], [0.0]))), Constants(beta=1.0))
        loss.backward()
        assert loss.item() == pytest.approx(expected)
        assert chosen.logp_T.grad is not None
        assert chosen.logp_T.grad.item() == pytest.approx(-1.0 if expected else 0.0)


def test_insertions_are_in_no_pair() -> None:
    insertion = runs((1, 1.0, [-2.0], [-1.0]))
    for loss in (dpo, robust, ipo, hinge, ddpo, dpop, bdpo, listwise):
        assert loss(evidence(insertion), Constants()).item() == 0
