"""The frozen head's own gradient against autograd's."""

from __future__ import annotations

import pytest
import torch

from midcourse.learn.compute.head import frozen_logp


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("biased", [True, False])
def test_values_and_gradients_are_autograds(size: int, biased: bool) -> None:
    torch.manual_seed(0)
    hidden_RD = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    weight_VD = torch.randn(11, 5, dtype=torch.float64)
    bias_V = torch.randn(11, dtype=torch.float64) if biased else None
    index_T, token_T = torch.tensor([6, 0, 0, 3, 6, 6]), torch.tensor([1, 2, 3, 10, 1, 0])  # a row predicts several
    weight_T = torch.randn(6, dtype=torch.float64)

    logp_T = frozen_logp(hidden_RD, weight_VD, bias_V, index_T, token_T, size)
    (gradient,) = torch.autograd.grad((weight_T * logp_T).sum(), hidden_RD)
    logits_RV = torch.nn.functional.linear(hidden_RD, weight_VD, bias_V)
    expected_T = logits_RV.log_softmax(-1)[index_T, token_T]
    (expected,) = torch.autograd.grad((weight_T * expected_T).sum(), hidden_RD)
    torch.testing.assert_close(logp_T, expected_T)
    torch.testing.assert_close(gradient, expected)


def test_bfloat16_logits_become_float32_log_probabilities() -> None:
    torch.manual_seed(0)
    hidden_RD, weight_VD = torch.randn(4, 8), torch.randn(16, 8)
    index_T, token_T = torch.arange(4), torch.arange(4)
    logp_T = frozen_logp(hidden_RD.bfloat16(), weight_VD.bfloat16(), None, index_T, token_T, 2)
    expected_T = (hidden_RD @ weight_VD.T).log_softmax(-1)[index_T, token_T]
    assert logp_T.dtype == torch.float32
    torch.testing.assert_close(logp_T, expected_T, rtol=0.05, atol=0.05)
