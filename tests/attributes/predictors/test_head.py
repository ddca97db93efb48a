"""The head and its loss, against a reference written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from midcourse.attributes.predictors.head import Head, masked_mse
from midcourse.errors import ModelError

NAN = math.nan


def test_it_is_one_linear_layer() -> None:
    head = Head(3, 2)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]]))
        head.linear.bias.copy_(torch.tensor([0.5, -0.5]))
    found = head(torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[7, 3]]))
    assert found.tolist() == [[1 + 6 + 0.5, 1 - 0.5]]


def test_length_is_one_more_input_and_only_if_wanted() -> None:
    head = Head(2, 1, length=True)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[0.0, 0.0, 2.0]]))
    assert head(torch.zeros(1, 2), torch.tensor([[10, 3]])).item() == pytest.approx(2 * math.log(10))


def test_the_prompts_length_is_two_more_and_only_beside_the_answers() -> None:
    head = Head(2, 1, length=True, prompt=True)
    assert head.free == (0, 1, 3)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[0.0, 0.0, 2.0, 3.0, 5.0]]))
    answer, prompt = math.log(10), math.log(7)
    found = head(torch.zeros(1, 2), torch.tensor([[10, 7]])).item()
    assert found == pytest.approx(2 * prompt + 3 * answer * prompt + 5 * answer)
    without = Head(2, 1, prompt=True)
    assert (without.prompt, without.free, without.linear.in_features) == (False, (0,), 2)


def test_the_loss_is_the_masked_mean_of_squares() -> None:
    """The reference's: missing labels are −100 there, loss = Σ m (a − y)² / Σ m over the whole batch."""
    values = torch.tensor([[1.0, 2.0], [3.0, 0.0], [2.5, 4.0]])
    theirs = torch.tensor([[2.0, -100.0], [1.0, 1.0], [-100.0, 3.0]])
    mask = (theirs != -100).float()
    wanted = (mask * (values - theirs) ** 2).sum() / mask.sum()  # (1 + 4 + 1 + 1) / 4
    total, count = masked_mse(values, torch.where(theirs == -100, NAN, theirs))
    assert float(total / count) == float(wanted) == 7 / 4


def test_a_missing_label_has_no_gradient_and_is_not_zero() -> None:
    values = torch.tensor([[1.0, 2.0]], requires_grad=True)
    total, count = masked_mse(values, torch.tensor([[NAN, 1.0]]))
    total.backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0.0, 2.0]]
    assert float(count) == 1


def test_two_copies_at_half_weight_are_one() -> None:
    values, labels = torch.randn(1, 3), torch.tensor([[1.0, NAN, 2.0]])
    once = masked_mse(values, labels)
    twice = masked_mse(values.repeat(2, 1), labels.repeat(2, 1), torch.tensor([0.5, 0.5]))
    assert [float(x) for x in twice] == pytest.approx([float(x) for x in once])


def test_saved_and_loaded(tmp_path: Path) -> None:
    head = Head(4, 2, length=True)
    torch.nn.init.normal_(head.linear.weight)
    head.save(tmp_path)
    again = Head.load(tmp_path, 4, 2, length=True)
    assert torch.equal(again.linear.weight, head.linear.weight)
    with pytest.raises(ModelError, match=r"head\.safetensors cannot be used"):
        Head.load(tmp_path, 5, 2, length=True)
    with pytest.raises(ModelError, match=r"head\.safetensors cannot be used"):
        Head.load(tmp_path, 4, 2, length=True, prompt=True)
    with pytest.raises(ModelError, match="cannot be used"):
        Head.load(tmp_path / "nowhere", 4, 2, length=True)
