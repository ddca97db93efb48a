"""Weights of samples by hand."""

from __future__ import annotations

import math

import pytest

from midcourse.attributes.steerlm2.weights import Logs, divergence, effective, given, wanted

log = math.log

# P(a|y) = ½, ¼, ¼ · P(y) = 0.1, 0.4, 0.2 · Q'(y) = 0.1, 0.1, 0.8: products over Q' are 0.5, 1, 0.0625
SAMPLES = [Logs(log(0.5), log(0.1), log(0.1)), Logs(log(0.25), log(0.4), log(0.1)), Logs(log(0.25), log(0.2), log(0.8))]


def test_what_they_should_weigh() -> None:
    """0.5 : 1 : 0.0625 = 8 : 16 : 1."""
    assert wanted(SAMPLES) == pytest.approx([8 / 25, 16 / 25, 1 / 25])


def test_tempering_flattens() -> None:
    """Square roots: √8 : 4 : 1; at 0 all are alike."""
    total = math.sqrt(8) + 4 + 1
    assert wanted(SAMPLES, 0.5) == pytest.approx([math.sqrt(8) / total, 4 / total, 1 / total])
    assert wanted(SAMPLES, 0) == pytest.approx([1 / 3] * 3)


def test_what_they_weigh() -> None:
    """The model they were drawn from gives them all the same; one that has learned Q = w·Q' gives them w."""
    assert given([one.proposal for one in SAMPLES], SAMPLES) == pytest.approx([1 / 3] * 3)
    w = wanted(SAMPLES)
    learned = [log(weight) + one.proposal for weight, one in zip(w, SAMPLES, strict=True)]
    assert given(learned, SAMPLES) == pytest.approx(w)
    assert divergence(w, given(learned, SAMPLES)) == pytest.approx(0, abs=1e-12)


def test_divergence_and_effective_number() -> None:
    """KL((½, ½, 0)‖(¼, ½, ¼)) = ½ log 2; (½, ½, 0) is worth two samples."""
    assert divergence([0.5, 0.5, 0], [0.25, 0.5, 0.25]) == pytest.approx(0.5 * log(2))
    assert effective([0.5, 0.5, 0]) == pytest.approx(2)
    assert effective([1, 0, 0]) == pytest.approx(1)
    assert divergence([0.5, 0.5], [1, 0]) == math.inf


def test_long_answers_do_not_overflow() -> None:
    assert wanted([Logs(-3, -2000, -900), Logs(-3, -900, -2000)]) == [0, 1]
