"""How much changed and unchanged tokens count."""

from __future__ import annotations

import torch

from midcourse.learn.objectives.emphasis import emphasis
from tests.learn.objectives.hand import runs


def test_changed_tokens_count_gamma_times_and_the_sum_stays() -> None:
    """γ = 3. Run 1: 3 + 1 + 3 + 1 = 8 over four tokens, so ÷ 2. Run 2, all changed: 3 + 3 over two tokens, so ÷ 3."""
    found = runs(
        (0, 1.0, [-1.0] * 4, [-1.0] * 4),
        (1, 1.0, [-1.0] * 2, [-1.0] * 2),
        unchanged=[False, True, False, True, False, False],
    )
    assert emphasis(found, 3.0).tolist() == [1.5, 0.5, 1.5, 0.5, 1.0, 1.0]


def test_without_a_difference_all_count_alike() -> None:
    found = runs((0, 1.0, [-1.0] * 2, [-1.0] * 2))
    assert torch.equal(emphasis(found, 3.0), torch.ones(2, dtype=torch.float64))
