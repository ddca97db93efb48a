"""Metrics of a predictor, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes.predictors.encoding import Encoded
from midcourse.attributes.predictors.fit.metrics import calibration, compared, measured, ranks, spearman, straight
from midcourse.attributes.predictors.fit.samples import Table
from tests.attributes.predictors.sample import SCHEMA

NAN = math.nan


def _double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_ties_have_their_mean_rank() -> None:
    assert ranks(_double(3, 1, 3, 2)).tolist() == [3.5, 1, 3.5, 2]


def test_spearman_by_hand() -> None:
    """Ranks 1, 2, 3, 4 and 2, 1, 3, 4: ρ = 1 − 6·(1 + 1) / (4·15) = 0.8."""
    assert spearman(_double(1, 2, 3, 4), _double(5, 2, 7, 9)) == pytest.approx(0.8)
    assert spearman(_double(1, 1, 1), _double(1, 2, 3)) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_spearman_is_the_correlation_of_ranks(pairs: list[tuple[int, int]]) -> None:
    one, other = (_double(*column) for column in zip(*pairs, strict=True))
    found = spearman(one, other)
    if found is None:
        assert one.unique().numel() == 1 or other.unique().numel() == 1
        return
    wanted = torch.corrcoef(torch.stack([ranks(one), ranks(other)]))[0, 1]
    assert found == pytest.approx(float(wanted), abs=1e-9)
    assert spearman(one * 2 + 1, other) == pytest.approx(found)
    assert spearman(-one, other) == pytest.approx(-found)


def test_pairs_are_of_one_prompt_and_ties_count_half() -> None:
    found = measured(_double(1, 2, 2, 9), _double(0, 1, 2, 4), ["a", "a", "a", "b"])
    assert found["pairs"] == 3
    assert found["pairwise"] == pytest.approx(2.5 / 3)


def test_errors_by_hand() -> None:
    found = measured(_double(1, 3), _double(2, 1), ["a", "b"])
    assert (found["mae"], found["bias"], found["count"]) == (1.5, 0.5, 2)
    assert found["rmse"] == pytest.approx(math.sqrt(2.5))
    assert found["pairwise"] is None


def test_a_line() -> None:
    assert straight(_double(0, 1, 2), _double(1, 3, 5)) == pytest.approx((1, 2))
    assert straight(_double(2, 2), _double(1, 3)) == (2, 0)


def test_calibration_has_equal_bins_and_keeps_equal_predictions_together() -> None:
    values = torch.arange(32, dtype=torch.float64)
    bins = calibration(values, values / 2)
    assert [one["count"] for one in bins] == [4] * 8
    assert all(one["labelled"] == pytest.approx(one["predicted"] / 2) for one in bins)
    assert len(calibration(torch.ones(32, dtype=torch.float64), values)) == 1


def test_baselines_know_only_what_was_trained_on() -> None:
    """Labels that are 1 + log length: the line says them exactly, the mean says that of the trained ones."""

    def table(lengths: list[int]) -> Table:
        encoded = [Encoded((1,) * (length + 1), 1, length) for length in lengths]
        labels = torch.tensor([[1 + math.log(length), NAN] for length in lengths])
        names = [str(length) for length in lengths]
        return Table(encoded, labels, torch.ones(len(lengths)), names, names)

    trained, judged = table([2, 4, 8]), table([16, 32])
    found = compared(torch.zeros(2, 2), judged, trained, SCHEMA)["attributes"]
    assert list(found) == ["length"]  # nobody rated the other
    assert found["length"]["baselines"]["length"]["mae"] == pytest.approx(0, abs=1e-6)
    assert found["length"]["baselines"]["mean"]["mae"] == pytest.approx(math.log(32 * 16) / 2 - math.log(4), abs=1e-6)
