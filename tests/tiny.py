"""Tiny random models of many architectures, made in milliseconds: the same maths as their big relatives.

Weights are large enough (standard deviation 0.3 where transformers takes 0.02) that distributions are peaked and a
wrong mask or position shows in the fourth digit instead of drowning in rounding. Windows are 8 tokens, so that a
sequence of 20 is well beyond them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    JambaConfig,
    JambaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

VOCAB = 97
WINDOW = 8
CONTEXT = 256

_SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def _llama() -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**_SHAPE))


def _qwen3() -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**_SHAPE, head_dim=8))


def _mistral() -> PreTrainedModel:
    return MistralForCausalLM(MistralConfig(**_SHAPE, sliding_window=WINDOW))


def _gemma3() -> PreTrainedModel:
    layer_types = ["sliding_attention", "full_attention", "sliding_attention"]
    return Gemma3ForCausalLM(Gemma3TextConfig(**_SHAPE, head_dim=8, sliding_window=WINDOW, layer_types=layer_types))


def _gpt2() -> PreTrainedModel:
    config = GPT2Config(
        vocab_size=VOCAB,
        n_positions=CONTEXT,
        n_embd=32,
        n_layer=3,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return GPT2LMHeadModel(config)


def _phi3() -> PreTrainedModel:
    return Phi3ForCausalLM(Phi3Config(**_SHAPE))


def _mamba() -> PreTrainedModel:
    return MambaForCausalLM(
        MambaConfig(
            vocab_size=VOCAB,
            hidden_size=32,
            state_size=8,
            num_hidden_layers=3,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def _jamba() -> PreTrainedModel:
    shape = {**_SHAPE, "num_hidden_layers": 4}
    experts = {"num_experts": 2, "num_experts_per_tok": 1, "expert_layer_period": 2, "expert_layer_offset": 1}
    state = {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_d_state": 8, "mamba_dt_rank": 4}
    return JambaForCausalLM(JambaConfig(**shape, **experts, **state))


MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "llama": _llama,
    "qwen3": _qwen3,
    "mistral": _mistral,  # every layer slides
    "gemma3": _gemma3,  # sliding and full layers
    "gpt2": _gpt2,  # learned positions
    "phi3": _phi3,  # fused projections
    "mamba": _mamba,  # a state, no keys: nothing can be masked or taken back
    "jamba": _jamba,  # attention and state layers
}
ATTENTION = ("llama", "qwen3", "mistral", "gemma3", "gpt2", "phi3")  # a mask can isolate their tokens
RECURRENT = ("mamba", "jamba")  # a mask cannot


def model(name: str, *, seed: int = 0, dtype: torch.dtype = torch.float32, attention: str = "sdpa") -> PreTrainedModel:
    """A model of the architecture `name` in eval mode; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = MODELS[name]()
    if name not in RECURRENT:
        made.set_attn_implementation(attention)
    return made.to(dtype).eval()


def ids(length: int, *, seed: int = 0) -> list[int]:
    """Random token ids without the special ones (0, 1, 2)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCAB, (length,), generator=generator).tolist()
