"""Which tokens a correction changed."""

from __future__ import annotations

import torch

from midcourse.learn.objectives.emphasis import emphasis
from tests.learn.objectives.hand import evidence, runs


def _logp(count: int) -> list[float]:
    return [-1.0] * count


def test_what_both_sides_have_in_order_is_unchanged() -> None:
    """Chosen 1 2 3 4, rejected 5 2 6 4: tokens 2 and 4 are shared. γ = 3: 3 + 1 + 3 + 1 = 8 over 4 tokens, so ÷ 2."""
    found = evidence(
        runs((0, 1.0, _logp(4), _logp(4)), tokens=[1, 2, 3, 4]), runs((0, 1.0, _logp(4), _logp(4)), tokens=[5, 2, 6, 4])
    )
    for weight_T in emphasis(found, 3.0):
        assert weight_T.tolist() == [1.5, 0.5, 1.5, 0.5]


def test_only_what_all_rejected_runs_share_is_unchanged() -> None:
    """Chosen 1 2 3; rejected 4 2 3 and 5 3: the correction shares 3 with both, the first run 2 and 3, the second 3.

    γ = 2: 2, 2, 1 over three tokens is ÷ 5/3; 2, 1, 1 is ÷ 4/3; 2, 1 is ÷ 3/2.
    """
    found = evidence(
        runs((0, 1.0, _logp(3), _logp(3)), tokens=[1, 2, 3]),
        runs((0, 1.0, _logp(3), _logp(3)), (0, 1.0, _logp(2), _logp(2)), tokens=[4, 2, 3, 5, 3]),
    )
    chosen_T, rejected_T = emphasis(found, 2.0)
    torch.testing.assert_close(chosen_T, torch.tensor([1.2, 1.2, 0.6], dtype=torch.float64))
    torch.testing.assert_close(rejected_T, torch.tensor([1.5, 0.75, 0.75, 4 / 3, 2 / 3], dtype=torch.float64))


def test_steers_do_not_mix_and_insertions_are_new_throughout() -> None:
    """Steer 4 replaces token 1 by 1 2 (1 is shared), steer 7 is an insertion: 1 3 there is compared with nothing."""
    found = evidence(
        runs((4, 1.0, _logp(2), _logp(2)), (7, 1.0, _logp(2), _logp(2)), tokens=[1, 2, 1, 3]),
        runs((4, 1.0, _logp(1), _logp(1)), tokens=[1]),
    )
    chosen_T, rejected_T = emphasis(found, 3.0)
    assert chosen_T.tolist() == [0.5, 1.5, 1.0, 1.0]
    assert rejected_T.tolist() == [1.0]
