"""Samples in one tree have the log-probabilities that each has alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from midcourse.attributes.steerlm2.groups import group, logps, weighed
from midcourse.learn.compute.network import Network, Way
from midcourse.learn.layout import build
from tests import tiny

PROMPTS = [tiny.ids(6, seed=1), tiny.ids(9, seed=2)]
ANSWERS = [[tiny.ids(count, seed=count + 10 * place) for count in (3, 7, 5)] for place in range(2)]


def _alone(model: Any, prompt: list[int], answer: list[int]) -> float:
    with torch.no_grad():
        logp_LV = model(torch.tensor([[*prompt, *answer]])).logits[0].double().log_softmax(-1)
    return sum(float(logp_LV[len(prompt) + place - 1, token]) for place, token in enumerate(answer))


@pytest.mark.parametrize("way", ["tree", "rows"])
@pytest.mark.parametrize("max_tokens", [16, 4096])
def test_each_sample_has_its_own_log_probability(way: Way, max_tokens: int) -> None:
    model: Any = tiny.model("llama")
    examples = [group(number + 4, PROMPTS[number], ANSWERS[number]) for number in range(2)]
    found = logps(Network(model, way), examples, max_tokens)
    for number in range(2):
        wanted = [_alone(model, PROMPTS[number], answer) for answer in ANSWERS[number]]
        assert found[number] == pytest.approx(wanted, abs=1e-4)


def test_the_prompt_is_there_once() -> None:
    example = group(0, PROMPTS[0], ANSWERS[0])
    # of each answer the last token predicts nothing, and is not fed
    assert len(build([example])) == len(PROMPTS[0]) + sum(len(answer) - 1 for answer in ANSWERS[0])


def test_two_samples_may_be_the_same_or_begin_alike() -> None:
    model: Any = tiny.model("llama")
    answer = tiny.ids(4, seed=3)
    example = group(0, PROMPTS[0], [answer, answer, answer[:2]])
    (found,) = logps(Network(model, "tree"), [example])
    assert found[0] == found[1] == pytest.approx(_alone(model, PROMPTS[0], answer), abs=1e-4)
    assert found[2] == pytest.approx(_alone(model, PROMPTS[0], answer[:2]), abs=1e-4)


def test_samples_learn_how_they_were_drawn() -> None:
    example = weighed(group(0, PROMPTS[0], ANSWERS[0]), [0.5, 0.25, 0.25], [-3.0, -7.0, -5.0])
    assert [tuple(one.drawn or ()) for one in example.segments] == [(0.5, -3.0), (0.25, -7.0), (0.25, -5.0)]
