"""`sft` and `accepted` against values derived by hand."""

from __future__ import annotations

import pytest

from midcourse.learn.objectives import Constants
from midcourse.learn.objectives.imitation import accepted, sft
from tests.learn.objectives.hand import PLAIN, SHARED, evidence, runs


def test_sft_is_the_corrections_negative_log_likelihood() -> None:
    """−(−1 − 0.5) = 1.5; what is rejected plays no part. The mean over two tokens is 0.75."""
    assert sft(PLAIN, Constants()).item() == pytest.approx(1.5)
    assert sft(PLAIN, Constants(), "mean").item() == pytest.approx(0.75)


def test_changed_tokens_count_gamma_times() -> None:
    """γ = 3: weights 3 (changed) and 1 (shared), scaled to 1.5 and 0.5; 1.5·1 + 0.5·0.5 = 1.75.

    The mean is DDPO's score: (3·1 + 1·0.5) / (3 + 1) = 0.875.
    """
    assert sft(SHARED, Constants(sft_gamma=3)).item() == pytest.approx(1.75)
    assert sft(SHARED, Constants(sft_gamma=3), "mean").item() == pytest.approx(0.875)


def test_gamma_is_nothing_to_a_correction_that_changes_everything() -> None:
    assert sft(PLAIN, Constants(sft_gamma=3)).item() == pytest.approx(1.5)


def test_accepted_is_the_negative_log_likelihood_of_what_stands() -> None:
    """Two traces of weights 1 and 2: 1·(0.25 + 0.75) + 2·0.5 = 2; with means 1·0.5 + 2·0.5 = 1.5."""
    found = evidence(accepted=runs((0, 1.0, [-0.25, -0.75], [0.0, 0.0]), (1, 2.0, [-0.5], [0.0])))
    assert accepted(found, Constants()).item() == pytest.approx(2.0)
    assert accepted(found, Constants(), "mean").item() == pytest.approx(1.5)
