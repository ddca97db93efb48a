"""Packed = rows, in log-probabilities and in gradients, on every architecture and every way of running it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from midcourse.learn.batch import batch
from midcourse.learn.compute import network as network_module
from midcourse.learn.compute.network import Network, Way
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.reference import Reference
from midcourse.models import adapter_layers, adapters
from tests import tiny
from tests.learn import sample

# RMSNorm and rotary positions are computed in float32 whatever the model's dtype; GPT-2 has neither.
TOLERANCE = {torch.float32: 2e-4, torch.float64: 2e-6}
EXACT = 1e-10


def _gradients(network: Network, logp_T: Tensor) -> dict[str, Tensor]:
    """Gradients of a fixed random weighting of the log-probabilities."""
    weight_T = torch.randn(len(logp_T), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    parameters = {name: value for name, value in network.model.named_parameters() if value.requires_grad}
    loss = (weight_T.to(logp_T.dtype) * logp_T).sum()
    return dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))


def equal(network: Network, tolerance: float, traces: int = 3) -> None:
    """Packed and row-by-row log-probabilities, and gradients of all weights, agree on a few traces."""
    packed = batch(build(examples(sample.traces(traces), ("chosen", "rejected", "accepted"))))
    depth = max(packed.layout.position_N)
    assert depth > 2 * tiny.WINDOW, "windows must not reach to the beginning"
    with network.attending():
        logp_T = network(packed).logp_T
        gradients = _gradients(network, logp_T)
    expected_T = network.logprobs_by_rows(packed)
    expected = _gradients(network, expected_T)
    torch.testing.assert_close(logp_T, expected_T, rtol=tolerance, atol=tolerance)
    scale = max(value.abs().max().item() for value in expected.values())
    for name, value in gradients.items():
        torch.testing.assert_close(value, expected[name], rtol=tolerance, atol=tolerance * scale, msg=name)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_packed_equals_rows(name: str, dtype: torch.dtype) -> None:
    exact = name == "gpt2" and dtype == torch.float64
    equal(Network(tiny.model(name, dtype=dtype)), EXACT if exact else TOLERANCE[dtype])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_a_dense_mask_equals_rows(name: str, attention: str) -> None:
    equal(Network(tiny.model(name, attention=attention), "mask"), TOLERANCE[torch.float32])


@pytest.mark.parametrize("name", tiny.RECURRENT)
def test_layers_with_a_state_run_by_rows(name: str) -> None:
    equal(Network(tiny.model(name), "rows"), TOLERANCE[torch.float32])


@pytest.mark.parametrize("way", ["tree", "mask", "rows"])
def test_the_model_is_as_before(way: Way) -> None:
    model = tiny.model("gemma3")
    ids = torch.tensor([tiny.ids(20)])
    before = model(ids).logits
    Network(model, way)(batch(build(examples(sample.traces(2)))))
    assert torch.equal(model(ids).logits, before)
    assert model.config._attn_implementation == "sdpa"


def test_chunks_of_the_head_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(tiny.model("llama", dtype=torch.float64))
    packed = batch(build(examples(sample.traces(2))))
    whole = network(packed).logp_T
    whole_gradients = _gradients(network, whole)
    monkeypatch.setattr(network_module, "CHUNK_ELEMENTS", 3 * tiny.VOCAB)
    parts = network(packed).logp_T
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)
    for name, value in _gradients(network, parts).items():
        torch.testing.assert_close(value, whole_gradients[name], rtol=1e-9, atol=1e-11)


def test_soft_capped_and_scaled_logits_are_the_models_own() -> None:
    from transformers import CohereConfig, CohereForCausalLM, Gemma2Config, Gemma2ForCausalLM

    shape = {"vocab_size": tiny.VOCAB, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    torch.manual_seed(0)
    gemma = Gemma2Config(**shape, **heads, **ends, head_dim=8, sliding_window=8, query_pre_attn_scalar=8)
    for model in (
        Gemma2ForCausalLM(gemma),
        CohereForCausalLM(CohereConfig(**shape, **heads, **ends, logit_scale=0.25)),
    ):
        model.set_attn_implementation("eager")
        equal(Network(model.double().eval()), TOLERANCE[torch.float64])


def test_kl_is_zero_against_itself_and_right_against_another() -> None:
    model = tiny.model("llama", dtype=torch.float64)
    network = Network(model)
    hidden_RD, other_RD = torch.randn(2, 5, 32, dtype=torch.float64).unbind()
    index_K = torch.tensor([4, 0, 2])
    assert network.kl(hidden_RD, index_K, hidden_RD[index_K]).abs().max() < 1e-12
    p = model.lm_head(other_RD[index_K]).log_softmax(-1)
    q = model.lm_head(hidden_RD[index_K]).log_softmax(-1)
    expected = torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
    torch.testing.assert_close(network.kl(hidden_RD, index_K, other_RD[index_K]), expected)


def test_a_cap_far_above_small_logits_is_seen() -> None:
    """The frozen head is taken to be plain only if the largest hidden states, too, give the model's own logits."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(**{**tiny.SHAPE, "initializer_range": 0.02}, head_dim=8, sliding_window=8)
    model = Gemma2ForCausalLM(config).requires_grad_(False).eval()
    model.model.norm.weight.add_(200)
    model.set_attn_implementation("eager")
    packed = batch(build(examples(sample.traces(2))))
    network = Network(model)
    torch.testing.assert_close(network(packed).logp_T, network.logprobs_by_rows(packed), rtol=1e-3, atol=1e-3)


def test_an_adapter_on_the_head_is_off_for_the_reference() -> None:
    loaded = adapters.add_lora(sample.loaded(), targets=["lm_head", "q_proj"])
    for name, value in loaded.model.named_parameters():
        if "lora_B" in name:
            value.data.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    network = Network(loaded.model)
    packed = batch(build(examples(sample.traces(2), ["accepted"])))
    reference = Reference(hidden=True)
    for _ in reference.learn(network, [packed.layout], lambda: adapter_layers.switched_off(loaded.model)):
        pass
    found, index_T = network(packed).hidden_RD, packed.index_T
    after = network.logits(found).log_softmax(-1)[index_T]
    with adapter_layers.switched_off(loaded.model):
        before = network.logits(reference.hidden(packed)).log_softmax(-1)
    expected = (before.exp() * (before - after)).sum(-1)
    torch.testing.assert_close(network.kl(found, index_T, reference.hidden(packed)), expected, rtol=1e-3, atol=1e-4)
    assert expected.mean() > 0.01
