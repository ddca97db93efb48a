"""Adapters of all of PEFT's kinds: each computes here what it computes there, or is refused and leaves no trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.errors import ModelError
from midcourse.models import adapter_files
from midcourse.switch import Switch
from tests import tiny, tokenizers

pytestmark = [  # PEFT asks transformers by an old name, and wonders at what is made to wonder at
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:peft"),
]

IDS = torch.tensor([[5, 9, 20, 31, 7]])
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "head": {"target_modules": ["q_proj", "lm_head"]},
    "lora bias": {"lora_bias": True},
    "rank-stabilized": {"use_rslora": True, "r": 8},
    "dora": {"use_dora": True},
    "some layers": {"target_modules": ["down_proj"], "layers_to_transform": [1]},
    "saved head": {"modules_to_save": ["lm_head"]},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "tokens": {"trainable_token_indices": [5, 9]},
}


def lora(**options: Any) -> peft.LoraConfig:
    return peft.LoraConfig(**({"r": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"} | options))


def base(folder: Path, *, tied: bool = False) -> Path:
    """A model with biases everywhere, whose head may be its embeddings."""
    tokenizer = tokenizers.build("byte-level")
    tokenizer.save_pretrained(folder)
    shape = tiny.SHAPE | {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    made = LlamaForCausalLM(LlamaConfig(**shape, tie_word_embeddings=tied, attention_bias=True, mlp_bias=True))
    made.save_pretrained(folder)
    return folder


def make(model: Path, folder: Path, config: Any, *, embeddings: bool | str = False) -> Path:
    """An adapter as PEFT writes it, with random numbers in all that it trains."""
    adapted: Any = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(model), config)
    generator = torch.Generator().manual_seed(len(folder.name))
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    adapted.save_pretrained(folder, save_embedding_layers=embeddings)
    return folder


@torch.inference_mode()
def theirs(model: Path, adapter: Path | None = None) -> torch.Tensor:
    made: Any = AutoModelForCausalLM.from_pretrained(model)
    if adapter is not None:
        made = peft.PeftModel.from_pretrained(made, str(adapter))
    return made.eval()(IDS).logits


@torch.inference_mode()
def ours(loaded: models.Loaded) -> torch.Tensor:
    return loaded.model(input_ids=IDS).logits.clone()


def load(model: Path, adapter: Path | None = None) -> models.Loaded:
    return models.load(str(model), adapter=None if adapter is None else str(adapter), dtype="float32")


@pytest.fixture(scope="module", params=["a head of its own", "tied"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base(tmp_path_factory.mktemp("model"), tied=request.param == "tied")


# ---- what can be used --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_what_it_is_for_peft(model: Path, tmp_path: Path, kind: str) -> None:
    adapter = make(model, tmp_path / "adapter", lora(**KINDS[kind]))
    wanted, loaded = theirs(model, adapter), load(model, adapter)
    assert torch.equal(ours(loaded), wanted)
    with loaded.folded():
        torch.testing.assert_close(ours(loaded), wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(ours(loaded), wanted)
    with loaded.without_adapter():
        assert torch.equal(ours(loaded), theirs(model))
    engine, greedy = TransformersEngine(loaded), Sampling(temperature=0)
    one = [step.id for step in engine.stream(IDS[0].tolist(), greedy, max_tokens=20)]
    assert engine.batch([IDS[0].tolist()], greedy, max_tokens=20)[0].ids == one  # folded, where one is not


@pytest.mark.parametrize("name", ["qwen3_moe", "mixtral", "deepseek_v3", "llama4"])
def test_experts(tmp_path: Path, name: str) -> None:
    tokenizer = tokenizers.build("byte-level")
    tiny.model(name, vocabulary=len(tokenizer)).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    loaded = models.add_lora(load(tmp_path / "base"), rank=2)
    with torch.no_grad():
        for tensor in (trained := {n: p for n, p in loaded.model.named_parameters() if ".lora_" in n}).values():
            tensor.copy_(torch.randn(tensor.shape) * 0.1)
    assert any("expert" in tensor for tensor in trained)
    models.save(loaded, tmp_path / "adapter")
    again = load(tmp_path / "base", tmp_path / "adapter")
    assert torch.equal(ours(again), ours(loaded))
    switch = Switch(load(tmp_path / "base"))
    switch.add("one", str(tmp_path / "adapter"))
    with switch.using("one"):
        assert torch.equal(ours(switch._loaded), ours(loaded))


@pytest.mark.parametrize("kind", ["head", "embeddings"])
def test_embeddings_that_peft_saves_beside_are_the_models_own(model: Path, tmp_path: Path, kind: str) -> None:
    adapter = make(model, tmp_path / "adapter", lora(**KINDS[kind]), embeddings="auto")
    [copied] = [name for name in adapter_files.shapes(adapter) if name.endswith("base_layer.weight")]
    assert torch.equal(ours(load(model, adapter)), theirs(model, adapter))
    tensors = load_file(adapter / "adapter_model.safetensors")
    tensors[copied][3] += 1
    save_file(tensors, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=f"brings a matrix of its own, {copied}"):
        load(model, adapter)


# ---- what cannot -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", ["lora_only", "all"])
def test_biases_cannot_be_switched_off(model: Path, tmp_path: Path, bias: Any) -> None:
    adapter = make(model, tmp_path / "adapter", lora(bias=bias))
    loaded = load(model, adapter)
    assert torch.equal(ours(loaded), theirs(model, adapter))
    with pytest.raises(ModelError, match="cannot be switched off; merge it"), loaded.without_adapter():
        pass
    with pytest.raises(ModelError, match="cannot be switched off; merge it"):
        Switch(loaded, "one")
    switch = Switch(load(model))
    assert "cannot be switched off" in str(switch.why_not(str(adapter)))
    with pytest.raises(ModelError, match="cannot be switched off; merge it"):
        switch.add("one", str(adapter))
    assert torch.equal(ours(switch._loaded), theirs(model))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (lambda: peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"), "of the kind PROMPT_TUNING"),
        (lambda: peft.PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"), "of the kind PREFIX_TUNING"),
        (lambda: lora(alora_invocation_tokens=[20, 31]), "an activated LoRA"),
    ],
    ids=["prompt", "prefix", "activated"],
)
def test_what_is_more_than_a_change_of_layers(
    model: Path, tmp_path: Path, config: Callable[[], peft.PeftConfig], why: str
) -> None:
    with pytest.raises(ModelError, match=why):
        load(model, make(model, tmp_path / "adapter", config()))


@pytest.mark.parametrize("indices", [{"lm_head": [5, 9]}, {"embed_tokens": [5, 9], "lm_head": [20, 31, 7]}], ids=str)
def test_other_tokens_in_the_head(model: Path, tmp_path: Path, indices: dict[str, list[int]]) -> None:
    adapter = make(model, tmp_path / "adapter", lora(trainable_token_indices=indices))
    if json.loads((model / "config.json").read_text())["tie_word_embeddings"]:
        with pytest.raises(ModelError, match="in the head alone"):
            load(model, adapter)
        return
    assert torch.equal(ours(load(model, adapter)), theirs(model, adapter))
    with pytest.raises(ModelError, match="cannot be switched on and off here"):
        Switch(load(model, adapter), "one")
    switch = Switch(load(model))
    with pytest.raises(ModelError, match="cannot be switched on and off here"):
        switch.add("one", str(adapter))
    assert torch.equal(ours(switch._loaded), theirs(model))


def test_a_refused_adapter_leaves_no_trace(model: Path, tmp_path: Path) -> None:
    """Neither as the first one nor beside others, and the next one has nothing of it."""
    plain = make(model, tmp_path / "plain", lora(lora_alpha=8))
    head = make(model, tmp_path / "head", lora(target_modules=["q_proj", "lm_head"]))
    both = make(model, tmp_path / "both", lora(target_modules=["lm_head"], trainable_token_indices=[5, 9]))
    tokens = make(model, tmp_path / "tokens", lora(lora_alpha=64, trainable_token_indices=[5, 9]))
    saved = make(model, tmp_path / "saved", lora(modules_to_save=["lm_head"]))
    tensors = load_file(saved / "adapter_model.safetensors")
    name = next(name for name in tensors if "lm_head" in name)
    save_file(tensors | {name: tensors[name][:-3].contiguous()}, saved / "adapter_model.safetensors")

    alone = Switch(load(model))
    for refused in (both, saved):
        with pytest.raises(ModelError):
            alone.add("refused", str(refused))
        assert torch.equal(ours(alone._loaded), theirs(model))
        assert (alone._loaded.adapter, alone.on) == (None, None)
    beside = Switch(load(model, head), "head")
    for refused in (tokens, saved):
        with pytest.raises(ModelError):
            beside.add("refused", str(refused))
    for switch in (alone, beside):
        switch.add("plain", str(plain))
        for one, folder in {"plain": plain, None: None, "head": head}.items():
            if one is None or switch.has(one):
                switch.use(one)
                assert torch.equal(ours(switch._loaded), theirs(model, folder))
