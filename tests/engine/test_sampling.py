"""The filters against their definitions, and draws that depend on nothing but logits, seed and position."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.engine.sampling import Sampling, best, choose, distribution, filtered, uniform
from midcourse.errors import ConfigError

LOGITS = torch.tensor([[math.log(p) for p in (0.5, 0.2, 0.15, 0.1, 0.05)]])


def kept(**settings: float) -> list[float]:
    return [round(p, 4) for p in filtered(LOGITS, Sampling(**{"temperature": 1.0, **settings}))[0].tolist()]  # type: ignore[arg-type]


def test_filters() -> None:
    assert kept() == [0.5, 0.2, 0.15, 0.1, 0.05]
    assert kept(temperature=0.5) == pytest.approx([p * p / 0.325 for p in (0.5, 0.2, 0.15, 0.1, 0.05)], abs=1e-4)
    assert kept(top_k=2) == [round(5 / 7, 4), round(2 / 7, 4), 0, 0, 0]
    assert kept(top_p=0.5) == [1, 0, 0, 0, 0]
    assert kept(top_p=5e-324) == [1, 0, 0, 0, 0]
    assert kept(top_p=0.6) == [round(5 / 7, 4), round(2 / 7, 4), 0, 0, 0]
    assert kept(min_p=0.3) == [round(50 / 85, 4), round(20 / 85, 4), round(15 / 85, 4), 0, 0]
    assert kept(top_k=99, top_p=1.0, min_p=0.0) == kept()


def test_greedy_is_the_default() -> None:
    assert choose(LOGITS, [Sampling()], [7]) == [0]


def test_draws_follow_the_distribution() -> None:
    drawn = Counter(choose(LOGITS, [Sampling(temperature=1.0, seed=5)], [position])[0] for position in range(4000))
    for token, p in enumerate((0.5, 0.2, 0.15, 0.1, 0.05)):
        assert drawn[token] / 4000 == pytest.approx(p, abs=0.03)


def test_rows_are_drawn_alone() -> None:
    logits_RV = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    samplings = [Sampling(temperature=1.3, seed=row) for row in range(6)]
    together = choose(logits_RV, samplings, range(6))
    assert together == [choose(logits_RV[row : row + 1], [samplings[row]], [row])[0] for row in range(6)]


def test_uniform_is_frozen() -> None:
    """The numbers must not change between versions: a seed is a promise."""
    assert [round(uniform(0, i), 6) for i in range(3)] == FROZEN
    assert uniform(1, 0) != uniform(0, 1)


FROZEN = [0.833689, 0.945917, 0.809932]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-20, 20), min_size=2, max_size=30),
    st.floats(0.05, 3),
    st.integers(0, 40),
    st.floats(0.01, 1),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_never_outside_of_what_is_kept(
    logits: list[float], temperature: float, top_k: int, top_p: float, min_p: float, seed: int
) -> None:
    logits_1V = torch.tensor([logits])
    sampling = Sampling(temperature, top_k, top_p, min_p, seed)
    probs_V = filtered(logits_1V, sampling)[0]
    assert float(probs_V.sum()) == pytest.approx(1, abs=1e-4)
    assert probs_V[int(logits_1V.argmax())] > 0
    for position in range(5):
        assert probs_V[choose(logits_1V, [sampling], [position])[0]] > 0


def test_best_is_sorted_and_bounded() -> None:
    found = best(distribution(LOGITS)[0], 99)
    assert [token for token, _ in found] == [0, 1, 2, 3, 4]
    assert found[0].logprob == pytest.approx(math.log(0.5))
    assert best(distribution(LOGITS)[0], 0) == ()


def test_settings_out_of_range_are_all_reported() -> None:
    with pytest.raises(ConfigError) as caught:
        Sampling(temperature=-1, top_k=-2, top_p=0, min_p=2)
    assert [problem.field for problem in caught.value.problems] == ["temperature", "top_k", "top_p", "min_p"]


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-39, 5e-324])
@pytest.mark.parametrize("scale", [1.0, 1e10])
def test_a_tiny_temperature_is_greedy(temperature: float, scale: float) -> None:
    logits_1V = torch.tensor([[1.0, 5.0, 3.0, -2.0]]) * scale
    assert choose(logits_1V, [Sampling(temperature=temperature)], [0]) == [1]
