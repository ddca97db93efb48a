"""Small models of the kinds that are written as GGUF, with tokenizers of published models' forms, in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerFast

from midcourse.release.gguf import splitting
from tests import tokenizers as ours
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
}
HEAD = {"head_dim": 16, "query_pre_attn_scalar": 16}
ROPE = {"rope_theta": 10000.0, "rope_type": "default"}
LLAMA3 = {
    "rope_theta": 10000.0,
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
KINDS: dict[str, tuple[str, dict[str, Any], str]] = {  # a class of transformers, its options, a tokenizer
    "llama": ("Llama", {"tie_word_embeddings": True}, "smollm"),
    "llama3": ("Llama", {"rope_parameters": LLAMA3}, "llama-bpe"),
    "linear": ("Llama", {"rope_parameters": ROPE | {"rope_type": "linear", "factor": 2.0}}, "gpt-2"),
    "mistral": ("Mistral", {"sliding_window": 100, "head_dim": 32}, "metaspace-first"),
    "qwen2": ("Qwen2", {}, "qwen2"),
    "qwen3": ("Qwen3", {"head_dim": 32}, "qwen2"),
    "gemma": ("Gemma", {"head_dim": 16}, "metaspace-never"),
    "gemma2": ("Gemma2", {**HEAD, "sliding_window": 16, "attn_implementation": "eager"}, "metaspace-never"),
    "gemma3": ("Gemma3", {**HEAD, "sliding_window": 16, "num_hidden_layers": 6}, "metaspace-never"),
}
SPLITS = {
    "smollm": [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
    "gpt-2": [pre_tokenizers.ByteLevel(add_prefix_space=False)],
    **{
        name: [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
        for name, pattern in (
            ("llama-bpe", splitting.LLAMA3),
            ("smaug-bpe", splitting.LLAMA3),
            ("qwen2", splitting.QWEN2),
            ("tekken", splitting.TEKKEN),
            ("gpt-4o", splitting.GPT4O),
        )
    },
}


def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with the splits that llama.cpp calls `kind`, or one of SentencePiece's form."""
    if kind.startswith("metaspace"):
        made = ours.build("metaspace-first" if kind == "metaspace-never" else kind)
        if kind == "metaspace-never":
            core = Tokenizer.from_str(made.backend_tokenizer.to_str())
            core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
            core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
            made = PreTrainedTokenizerFast(
                tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
                additional_special_tokens=["<|im_start|>", "<|im_end|>"], chat_template=ours.CHAT_TEMPLATE,
            )  # fmt: skip
        return made
    core = Tokenizer(models.BPE(ignore_merges=kind in ("llama-bpe", "tekken")))
    core.pre_tokenizer = pre_tokenizers.Sequence(SPLITS[kind])
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = ours.SPECIAL
    core.train_from_iterator(
        ours.CORPUS,
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, special_tokens=specials, show_progress=False),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"], chat_template=ours.CHAT_TEMPLATE,
    )  # fmt: skip


def save(kind: str, folder: Path, *, dtype: torch.dtype = torch.float32, **options: Any) -> Path:
    """A model of this kind in `folder`, with weights that make its choices clear."""
    name, own, splits = KINDS[kind]
    inner = tokenizer(splits)
    config_name = f"{name}TextConfig" if name == "Gemma3" else f"{name}Config"
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = getattr(transformers, config_name)(**(SHAPE | ends | own | options), vocab_size=len(inner) + 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
        with torch.no_grad():
            for weight in model.parameters():  # norms and biases say something, too
                if weight.dim() == 1:
                    weight += 0.1 * torch.randn_like(weight)
    model.to(dtype).save_pretrained(folder)
    inner.save_pretrained(folder)
    return folder
