"""The self-check finds a model that is run wrongly, and falls back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from midcourse.errors import TrainingError
from midcourse.learn import check
from midcourse.learn.compute import attention
from midcourse.learn.items import examples
from tests import tiny
from tests.learn import sample

EXAMPLES = examples(sample.traces(3))


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_attention_models_are_packed(name: str) -> None:
    checked = check.choose(tiny.model(name), EXAMPLES)
    assert checked.network.way == "tree"
    assert checked.difference < 1e-4
    assert checked.notices == ()


@pytest.mark.parametrize("name", tiny.RECURRENT)
def test_models_with_a_state_go_by_rows_and_say_so(name: str) -> None:
    checked = check.choose(tiny.model(name), EXAMPLES)
    assert checked.network.way == "rows"
    assert "carries a state" in checked.notices[0]


def _plain(tree: Any, start: int, stop: int, window: int | None = None) -> torch.Tensor:
    return torch.ones(stop, stop, dtype=torch.bool).tril()[start:]


def test_a_wrong_mask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from midcourse.learn.batch import Tree

    monkeypatch.setattr(Tree, "seen_QK", _plain)
    checked = check.choose(tiny.model("llama"), EXAMPLES)
    assert checked.network.way == "rows"
    assert "run as 'tree' differs from rows by" in checked.notices[0]
    assert "run as 'mask' differs from rows by" in checked.notices[1]


def test_wrong_positions_are_found_and_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    from midcourse.learn.compute.network import Network

    monkeypatch.setattr(Network, "logprobs_by_rows", lambda _, made: torch.zeros(len(made.token_T)))
    with pytest.raises(TrainingError, match="self-check failed"):
        check.choose(tiny.model("gpt2"), EXAMPLES)


def test_a_model_without_the_attention_interface_takes_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise TypeError("no such keyword: tree")

    monkeypatch.setattr(attention, "_attend", refuse)
    monkeypatch.setattr(attention, "NAMES", {"tree": "midcourse_refused"})
    checked = check.choose(tiny.model("gemma3"), EXAMPLES)
    assert checked.network.way == "mask"
    assert "no such keyword" in checked.notices[0]


def test_a_window_that_only_the_deepest_trace_reaches_is_checked() -> None:
    """Phi-MoE tells its window to the mask alone, so our attention function does not learn of it."""
    from transformers import PhimoeConfig, PhimoeForCausalLM

    torch.manual_seed(0)
    config = PhimoeConfig(**tiny.SHAPE, sliding_window=24, num_local_experts=2)
    model = PhimoeForCausalLM(config).requires_grad_(False)
    short = [sample.trace(seed, steers=1, length=2) for seed in range(3)]
    deep = examples([*short, sample.trace(9, steers=8, prompt=9)])
    checked = check.choose(model, deep)
    assert checked.network.way == "mask"
    assert check.compare(checked.network, deep)[0] < 1e-4
