"""SteerLM 2.0's loss, against values and an optimum derived by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from midcourse.learn.objectives import Constants
from midcourse.learn.objectives.posterior import steerlm2
from tests.learn.objectives.hand import evidence, runs


def test_the_loss_is_the_divergence_of_what_they_weigh_from_what_they_should() -> None:
    """Scores log π − log Q' are log 3 and 0, so b = (3/4, 1/4). With w = (1/2, 1/2):

    KL = ½ log(½ / ¾) + ½ log(½ / ¼) = ½ log(⅔) + ½ log 2 = ½ log(4/3) = 0.143841.
    """
    log3 = math.log(3)
    sample = runs((0, 1.0, [-1.0, log3 - 1.0], []), (0, 1.0, [-4.0], []), drawn=[(0.5, -2.0), (0.5, -4.0)])
    assert steerlm2(evidence(sample=sample), Constants()).item() == pytest.approx(0.143841, abs=1e-6)


def test_the_gradient_is_the_papers() -> None:
    """Σ_i (w_i − b_i) ∇(−log π_i): of log π_i it is b_i − w_i. Before training b is uniform: here ⅓."""
    sample = runs(
        (0, 2.0, [-1.0], []), (0, 2.0, [-7.0], []), (0, 2.0, [-3.0], []), drawn=[(0.7, -1.0), (0.3, -7.0), (0.0, -3.0)]
    )
    sample.logp_T.requires_grad_()
    loss = steerlm2(evidence(sample=sample), Constants())
    loss.backward()
    assert sample.logp_T.grad is not None
    wanted = [2 * (1 / 3 - target) for target in (0.7, 0.3, 0.0)]
    assert sample.logp_T.grad.tolist() == pytest.approx(wanted)
    entropy = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))
    assert loss.item() == pytest.approx(2 * (math.log(3) - entropy))


def test_requests_are_weighed_apart() -> None:
    """Two requests in one batch are the sum of each alone, however far apart their log-probabilities are."""
    first = ((0, 1.0, [-1.0], []), (0, 1.0, [-2.0], []))
    second = ((5, 3.0, [-900.0], []), (5, 3.0, [-901.0], []))
    one, two = [(0.2, -1.5), (0.8, -1.0)], [(1.0, -900.0), (0.0, -903.0)]
    apart = sum(
        steerlm2(evidence(sample=runs(*part, drawn=drawn)), Constants()).item()
        for part, drawn in ((first, one), (second, two))
    )
    together = steerlm2(evidence(sample=runs(*first, *second, drawn=[*one, *two])), Constants())
    assert together.item() == pytest.approx(apart)
    assert steerlm2(evidence(), Constants()).item() == 0


def test_it_leads_to_the_posterior() -> None:
    """Three answers, each drawn once. By Bayes the optimum is Q(y) = P(a|y) P(y) / Σ P(a|y) P(y).

    P(y) = (0.5, 0.3, 0.2) and P(a|y) = (0.1, 0.5, 0.5) give (0.05, 0.15, 0.10) / 0.3 = (1/6, 1/2, 1/3), whatever Q' is.
    """
    prior, likelihood, proposal = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.5, 0.5], [0.6, 0.1, 0.3]], dtype=torch.float64)
    weight = torch.softmax(likelihood.log() + prior.log() - proposal.log(), 0)
    drawn = list(zip(weight.tolist(), proposal.log().tolist(), strict=True))
    logit = proposal.log().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logit], tolerance_grad=0, tolerance_change=1e-16, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        sample = runs(*((0, 1.0, [0.0], []) for _ in drawn), drawn=drawn)
        sample = replace(sample, logp_T=torch.log_softmax(logit, 0))
        value = steerlm2(evidence(sample=sample), Constants())
        value.backward()
        return value

    optimizer.step(loss)
    assert torch.softmax(logit, 0).tolist() == pytest.approx([1 / 6, 1 / 2, 1 / 3], abs=1e-6)
    assert loss().item() == pytest.approx(0, abs=1e-9)
