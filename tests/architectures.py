"""Architectures whose packed training is tested against rows: what each brings, how it is built small, how it must run.

Plain data: `tests/tiny.py` builds the models, `scripts/write-docs` makes the table of docs/architectures.md from it.

Weights are large (standard deviation 0.3 where transformers takes 0.02) so that distributions are peaked and a wrong
mask or position shows in the fourth digit instead of drowning in rounding. Windows and chunks are 8 tokens, so that a
sequence of 20 is well beyond them.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Way = Literal["tree", "mask", "rows"]

VOCAB = 97
WINDOW = 8
CONTEXT = 256

ENDS: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.3,
    **ENDS,
}
_HEAD = {"head_dim": 8}
_SLIDING = {"sliding_window": WINDOW}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_STATE = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 16}


class Architecture(NamedTuple):
    """`model` and `config` are classes of transformers, `options` the configuration of a tiny one.

    `about` says what is special in it, `way` how the self-check must decide to run it (docs/decisions/011).
    """

    model: str
    config: str
    about: str
    way: Way
    options: dict[str, Any]


def _without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in SHAPE.items() if name not in names}


def _of(name: str, about: str, way: Way = "tree", config: str = "", **options: Any) -> Architecture:
    return Architecture(f"{name}ForCausalLM", config or f"{name}Config", about, way, {**SHAPE, **options})


ALL: dict[str, Architecture] = {
    "llama": _of("Llama", "grouped keys, rotary positions, untied head"),
    "qwen2": _of("Qwen2", "biases in the attention"),
    "qwen3": _of("Qwen3", "normalised queries and keys", **_HEAD),
    "mistral": _of("Mistral", "every layer slides", **_SLIDING),
    "gemma2": _of(
        "Gemma2",
        "capped attention scores and logits, every other layer slides, tied head",
        **_HEAD,
        **_SLIDING,
        query_pre_attn_scalar=8,
        attn_implementation="eager",  # older versions of transformers leave the cap out otherwise
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
    ),
    "gemma3": _of(
        "Gemma3",
        "sliding and full layers with rotary positions of their own",
        config="Gemma3TextConfig",
        **_HEAD,
        **_SLIDING,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    ),
    "phi3": _of("Phi3", "fused projections"),
    "phi": _of("Phi", "partial rotary positions, attention beside the MLP", partial_rotary_factor=0.5),
    "gpt_neox": Architecture(
        "GPTNeoXForCausalLM",
        "GPTNeoXConfig",
        "partial rotary positions, fused projections",
        "tree",
        {**_without("num_key_value_heads"), "rotary_pct": 0.5},
    ),
    "gpt2": Architecture(
        "GPT2LMHeadModel",
        "GPT2Config",
        "learned positions, tied head",
        "tree",
        {
            "vocab_size": VOCAB,
            "n_positions": CONTEXT,
            "n_embd": 32,
            "n_layer": 3,
            "n_head": 4,
            "initializer_range": 0.3,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    ),
    "opt": Architecture(
        "OPTForCausalLM",
        "OPTConfig",
        "learned positions with an offset, tied head",
        "tree",
        {
            **_without("intermediate_size", "num_key_value_heads", "initializer_range"),
            "ffn_dim": 64,
            "init_std": 0.3,
            "dropout": 0.0,
            "word_embed_proj_dim": 32,
        },
    ),
    "olmo2": _of("Olmo2", "norms behind the layers, normalised queries and keys"),
    "granite": _of("Granite", "scaled embeddings, residuals and logits", logits_scaling=2.0, residual_multiplier=0.5),
    "cohere": _of("Cohere", "scaled logits, attention beside the MLP, tied head", logit_scale=0.25),
    "cohere2": _of("Cohere2", "sliding layers with positions, full ones without", **_SLIDING, logit_scale=0.25),
    "mixtral": _of("Mixtral", "mixture of experts", **_EXPERTS),
    "qwen3_moe": _of(
        "Qwen3Moe",
        "mixture of small experts",
        **_HEAD,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
    ),
    "deepseek_v3": _of(
        "DeepseekV3",
        "latent attention (values narrower than keys), shared and routed experts",
        num_key_value_heads=4,
        moe_intermediate_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        n_shared_experts=1,
        first_k_dense_replace=1,
        kv_lora_rank=8,
        q_lora_rank=8,
        qk_rope_head_dim=4,
        qk_nope_head_dim=8,
        v_head_dim=8,
    ),
    "stablelm": _of(
        "StableLm",
        "partial rotary positions; hands no keywords down to its attention",
        "mask",
        partial_rotary_factor=0.25,
    ),
    "gpt_oss": _of(
        "GptOss", "attention sinks, sliding layers, mixture of experts", "mask", **_HEAD, **_SLIDING, **_EXPERTS
    ),
    "falcon": Architecture(
        "FalconForCausalLM",
        "FalconConfig",
        "one key head for all; attention of its own",
        "mask",
        {
            **_without("num_key_value_heads", "intermediate_size"),
            "alibi": False,
            "new_decoder_architecture": False,
            "multi_query": True,
        },
    ),
    "bloom": Architecture(
        "BloomForCausalLM",
        "BloomConfig",
        "ALiBi: distances counted along the sequence, not along the path",
        "rows",
        {
            "vocab_size": VOCAB,
            "hidden_size": 32,
            "n_layer": 3,
            "n_head": 4,
            "initializer_range": 0.3,
            "hidden_dropout": 0.0,
            "attention_dropout": 0.0,
            **ENDS,
        },
    ),
    "llama4": _of(
        "Llama4",
        "attention in chunks, layers without positions, mixture of experts",
        "rows",
        config="Llama4TextConfig",
        **_HEAD,
        intermediate_size_mlp=64,
        num_local_experts=2,
        attention_chunk_size=WINDOW,
    ),
    "mamba": Architecture(
        "MambaForCausalLM",
        "MambaConfig",
        "a state, no keys: nothing can be masked or taken back",
        "rows",
        {"vocab_size": VOCAB, "hidden_size": 32, "state_size": 8, "num_hidden_layers": 3, "initializer_range": 0.3}
        | ENDS,
    ),
    "mamba2": Architecture(
        "Mamba2ForCausalLM",
        "Mamba2Config",
        "a state in heads",
        "rows",
        {
            "vocab_size": VOCAB,
            "hidden_size": 32,
            "state_size": 8,
            "num_hidden_layers": 3,
            "num_heads": 8,
            "head_dim": 8,
            "n_groups": 1,
            "chunk_size": 16,
            "initializer_range": 0.3,
            **ENDS,
        },
    ),
    "jamba": _of(
        "Jamba",
        "attention and state layers, mixture of experts",
        "rows",
        num_hidden_layers=4,
        num_experts=2,
        num_experts_per_tok=1,
        expert_layer_period=2,
        expert_layer_offset=1,
        attn_layer_period=2,
        attn_layer_offset=1,
        mamba_d_state=8,
        mamba_dt_rank=4,
    ),
    "bamba": _of("Bamba", "attention and state layers", "rows", **_STATE, attn_layer_indices=[1]),
    "falcon_h1": _of("FalconH1", "attention and state in one layer", "rows", **_STATE, mamba_d_ssm=64),
    "lfm2": _of("Lfm2", "attention and short convolutions", "rows", layer_types=["conv", "full_attention", "conv"]),
    "recurrent_gemma": Architecture(
        "RecurrentGemmaForCausalLM",
        "RecurrentGemmaConfig",
        "sliding attention and linear recurrences",
        "rows",
        {
            **_without("initializer_range", "max_position_embeddings"),
            "attention_window_size": WINDOW,
            "block_types": ["recurrent", "recurrent", "attention"],
            "w_init_variance_scale": 1.0,
        },
    ),
}
