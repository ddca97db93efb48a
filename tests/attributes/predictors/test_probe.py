"""The head in closed form, against what it must be."""

from __future__ import annotations

import pytest
import torch

from midcourse.attributes.predictors.fit import probe
from midcourse.attributes.predictors.head import Head


def _data(count: int, wide: int, noise: float) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    generator = torch.Generator().manual_seed(0)
    x_NF = torch.randn(count, wide, generator=generator) * torch.linspace(0.1, 10, wide) + 3
    y_N = x_NF @ torch.linspace(1, 2, wide) + 5 + noise * torch.randn(count, generator=generator)
    return x_NF, y_N[:, None], [str(number // 2) for number in range(count)]


def _answers(count: int, wide: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states of nothing, and numbers of tokens."""
    generator = torch.Generator().manual_seed(seed)
    hidden_ND = torch.randn(count, wide, generator=generator)
    return hidden_ND, torch.randint(2, 900, (count, 2), generator=generator)


def test_without_noise_it_finds_the_line() -> None:
    x_NF, labels_NA, groups = _data(400, 5, 0.0)
    head = Head(5, 1)
    assert probe.fit(head, x_NF, labels_NA, torch.ones(400), groups)[0] <= 0.1
    error = (head(x_NF, torch.ones(400, 2)) - labels_NA).abs().mean()
    assert error < 0.02 * labels_NA.std()


def test_more_columns_than_answers_is_the_same_as_less() -> None:
    """Of two ways to solve it the smaller is taken; both give the same weights, so the other one is forced here."""
    x_NF, labels_NA, _ = _data(12, 12, 0.5)
    x_NF, weights, free = x_NF.double(), torch.ones(12, dtype=torch.float64), torch.ones(12, 1, dtype=torch.float64)
    wide, _ = probe._solutions(torch.cat([x_NF, torch.zeros(12, 1)], 1), free, labels_NA[:, 0].double(), weights)
    tall, _ = probe._solutions(x_NF, free, labels_NA[:, 0].double(), weights)
    assert torch.allclose(wide[:, :-1], tall, rtol=1e-6, atol=1e-9)


def test_the_length_is_not_penalised() -> None:
    """Labels that follow from the length alone: nothing of it is lost, however strongly the rest is held down."""
    hidden_ND, tokens_N2 = _answers(90, 30, 1)
    head = Head(30, 1, length=True)
    labels_NA = 1 + 0.5 * tokens_N2[:, :1].log()
    probe.fit(head, head.seen(hidden_ND, tokens_N2), labels_NA, torch.ones(90), [str(number) for number in range(90)])
    assert head.linear.weight[0, -1].item() == pytest.approx(0.5, abs=1e-4)
    assert head.linear.bias.item() == pytest.approx(1, abs=1e-3)


def test_each_attribute_has_the_lengths_that_it_needs() -> None:
    """Labels that follow from: the answer's length; how long it is for its prompt, a long one wanting less; neither."""
    hidden_ND, tokens_N2 = _answers(200, 6, 2)
    answer_N, prompt_N = tokens_N2.log().unbind(1)
    noise_N = 0.01 * torch.randn(200, generator=torch.Generator().manual_seed(4))
    wanted = answer_N, (answer_N - 5) * (6 - prompt_N), hidden_ND[:, 0]
    labels_NA = torch.stack([one_N + noise_N for one_N in wanted], 1)
    head = Head(6, 3, length=True, prompt=True)
    probe.fit(head, head.seen(hidden_ND, tokens_N2), labels_NA, torch.ones(200), [str(n) for n in range(200)])
    lengths_A3 = head.linear.weight[:, 6:]
    assert lengths_A3[0].tolist() == pytest.approx([0, 0, 1], abs=0.02)
    assert lengths_A3[1].tolist() == pytest.approx([5, -1, 6], abs=0.05)
    assert lengths_A3[2].tolist() == pytest.approx([0, 0, 0], abs=0.02)
    assert float((head(hidden_ND, tokens_N2).detach() - labels_NA).abs().mean()) < 0.05


def test_where_nothing_can_be_told_the_head_is_the_mean() -> None:
    hidden_ND, tokens_N2 = _answers(120, 40, 3)
    labels_NA = torch.randn(120, 1, generator=torch.Generator().manual_seed(5))
    head = Head(40, 1, length=True, prompt=True)
    probe.fit(head, head.seen(hidden_ND, tokens_N2), labels_NA, torch.ones(120), [str(n // 2) for n in range(120)])
    assert float(head(hidden_ND, tokens_N2).detach().std()) < 0.35


def test_of_penalties_that_are_as_good_the_largest_is_taken() -> None:
    """Losses of three folds. The third is best in sum, the fourth worse by less than its standard error, the fifth is
    worse in each fold alike."""
    losses = torch.tensor([[9.0, 5, 4, 2, 6], [9, 5, 4, 7, 6], [9, 5, 4, 4, 6]]).double()
    assert probe._most(losses) == 3


def test_where_there_is_nothing_to_learn_the_penalty_is_high() -> None:
    generator = torch.Generator().manual_seed(1)
    x_NF, labels_NA = torch.randn(200, 50, generator=generator), torch.randn(200, 1, generator=generator)
    chosen = probe.fit(Head(50, 1), x_NF, labels_NA, torch.ones(200), [str(number) for number in range(200)])
    assert chosen[0] >= 10


def test_missing_labels_and_weights_of_zero_are_as_if_not_there() -> None:
    x_NF, labels_NA, groups = _data(60, 4, 1.0)
    some, all_of_it = Head(4, 1), Head(4, 1)
    probe.fit(some, x_NF[:40], labels_NA[:40], torch.ones(40), groups[:40])
    labels_NA[50:] = torch.nan
    weight_N = torch.ones(60)
    weight_N[40:50] = 0
    probe.fit(all_of_it, x_NF, labels_NA, weight_N, groups)
    assert torch.allclose(some.linear.weight, all_of_it.linear.weight)
    assert torch.allclose(some.linear.bias, all_of_it.linear.bias)


def test_an_attribute_that_nobody_rated_stays_at_zero() -> None:
    x_NF, labels_NA, groups = _data(20, 3, 0.1)
    head = Head(3, 2)
    probe.fit(head, x_NF, torch.cat([labels_NA, torch.full((20, 1), torch.nan)], 1), torch.ones(20), groups)
    assert head.linear.weight[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_answers_are_enough_for_a_head(count: int) -> None:
    """What is free then explains all of a fold, and nothing is left that a penalty could be measured by."""
    hidden_ND, tokens_N2 = _answers(count, 6, 3)
    head = Head(6, 1, length=True, prompt=True)
    labels_NA = torch.arange(4.0)[:count, None]
    probe.fit(head, head.seen(hidden_ND, tokens_N2), labels_NA, torch.ones(count), [str(one) for one in range(count)])
    found_NA = head(hidden_ND, tokens_N2)
    assert found_NA.isfinite().all()
    assert found_NA.mean().item() == pytest.approx(labels_NA.mean().item(), abs=1e-3)
