"""FlexAttention over a tree, as far as a CPU runs it: its mask, and the forward pass, not compiled.

Its backward pass and its compiled kernels need a GPU, which these tests have not seen.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import flex_attention
from transformers.integrations import flex_attention as integration

from midcourse.learn import check
from midcourse.learn.batch import batch
from midcourse.learn.compute import flex
from midcourse.learn.compute.network import Network
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.models import adapters
from tests import tiny
from tests.learn import sample

ALL = ("chosen", "rejected", "accepted")
pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
EXAMPLES = examples(sample.traces(3), ALL)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """FlexAttention without the compiler; gives its calls."""
    calls: list[Any] = []

    def run(*arguments: Any, training: bool, **named: Any) -> Any:
        calls.append(named["block_mask"])
        return flex_attention(*arguments, **named)

    monkeypatch.setattr(integration, "compile_friendly_flex_attention", run)
    return calls


@pytest.mark.parametrize("window", [None, 1, 4])
def test_its_mask_is_the_trees(window: int | None) -> None:
    tree = batch(build(EXAMPLES)).tree
    row_N = torch.arange(len(tree.exit_N))
    seen_NN = flex.sees(tree, window)(0, 0, row_N[:, None], row_N[None])
    assert torch.equal(seen_NN, tree.mask_NN(window))


def test_tiles_that_are_hidden_are_left_out() -> None:
    (example,) = examples([sample.trace(0, steers=40, length=12)], ALL)
    tree = batch(build([example])).tree
    mask = flex.block_mask(tree, None)
    assert flex.block_mask(tree, None) is mask
    tiles = -(-len(tree.exit_N) // 128)
    assert tiles > 4
    assert mask.kv_num_blocks.sum() + mask.full_kv_num_blocks.sum() < tiles * (tiles + 1) / 2


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_log_probabilities_are_those_of_blocks(name: str, eager: list[Any]) -> None:
    model, made = tiny.model(name), batch(build(EXAMPLES))
    with torch.no_grad():
        expected_T = Network(model)(made).logp_T
        found_T = Network(model, "flex")(made).logp_T
    assert len(eager) == model.config.num_hidden_layers
    torch.testing.assert_close(found_T, expected_T, rtol=1e-4, atol=1e-4)


def test_soft_capped_scores(eager: list[Any]) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    model = Gemma2ForCausalLM(Gemma2Config(**tiny.SHAPE, head_dim=8, sliding_window=8, attn_logit_softcapping=2.0))
    model.eval().set_attn_implementation("eager")
    made = batch(build(EXAMPLES))
    with torch.no_grad():
        found_T, expected_T = (Network(model, way)(made).logp_T for way in ("flex", "rows"))
    assert len(eager) == 3
    torch.testing.assert_close(found_T, expected_T, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_differentiated_is_not_used(monkeypatch: pytest.MonkeyPatch, eager: list[Any]) -> None:
    """A CPU refuses FlexAttention's gradient: the self-check falls back, and tells it."""
    monkeypatch.setattr(check, "_ways", lambda _: ("flex", "tree"))
    frozen = check.choose(tiny.model("llama").requires_grad_(False), EXAMPLES)
    assert (frozen.network.way, frozen.notices) == ("flex", ())
    checked = check.choose(adapters.add_lora(sample.loaded()).model, EXAMPLES)
    assert checked.network.way == "tree"
    (notice,) = checked.notices
    assert notice.startswith("LlamaForCausalLM cannot be run as 'flex': FlexAttention does not support backward on CPU")
