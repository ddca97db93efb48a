"""Tiny random Llamas as GGUF files, which llama.cpp runs, and as the same model in transformers' form.

Byte-level tokens (every byte, and a few merges), so that a random model writes any bytes at all: characters in pieces,
and bytes that are no text. `ascii` makes one that writes letters, spaces and digits alone.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from midcourse.models import bundled

HEADS, KV, WIDTH, HIDDEN, INNER, LAYERS = 4, 2, 16, 64, 96, 2
CONTEXT = 320
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LETTERS = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]] + [chr(256 + i) for i in range(68)]
MERGES = ["h e", "Ġ t", "t he", "Ġt he", "Ġ a"]
TOKENS = [*SPECIAL, *LETTERS, *(merge.replace(" ", "") for merge in MERGES)]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(path: Path, *, seed: int = 0, ascii: bool = False, ends: bool = False, context: int = CONTEXT) -> None:
    """Write a GGUF file in float32; with `ends` its answers may end by themselves."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_vocab_size(len(TOKENS))
    writer.add_block_count(LAYERS)
    writer.add_context_length(context)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    random = np.random.default_rng(seed)

    def add(name: str, *shape: int, scale: float = 1.0) -> None:
        writer.add_tensor(name, (scale * random.standard_normal(shape) / shape[-1] ** 0.5).astype(np.float32))

    # the first number of every state is large, so that the output's first column works as a bias
    embedding_VH = random.standard_normal((len(TOKENS), HIDDEN)).astype(np.float32)
    embedding_VH[:, 0] = 8
    output_VH = 0.4 * random.standard_normal((len(TOKENS), HIDDEN)).astype(np.float32)
    plain = [n for n, token in enumerate(TOKENS) if (token.isascii() and token.isalnum()) or token in ("Ġ", "Ġt", "Ġa")]
    output_VH[:, 0] = [-4 if (ascii and n not in plain) or token in SPECIAL else 0 for n, token in enumerate(TOKENS)]
    output_VH[2, 0] = 0.7 if ends else -4
    writer.add_tensor("token_embd.weight", embedding_VH)
    writer.add_tensor("output.weight", output_VH)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for block in range(LAYERS):
        writer.add_tensor(f"blk.{block}.attn_norm.weight", np.ones(HIDDEN, np.float32))
        add(f"blk.{block}.attn_q.weight", HEADS * WIDTH, HIDDEN, scale=2)
        add(f"blk.{block}.attn_k.weight", KV * WIDTH, HIDDEN, scale=2)
        add(f"blk.{block}.attn_v.weight", KV * WIDTH, HIDDEN)
        add(f"blk.{block}.attn_output.weight", HIDDEN, HEADS * WIDTH)
        writer.add_tensor(f"blk.{block}.ffn_norm.weight", np.ones(HIDDEN, np.float32))
        add(f"blk.{block}.ffn_gate.weight", INNER, HIDDEN)
        add(f"blk.{block}.ffn_up.weight", INNER, HIDDEN)
        add(f"blk.{block}.ffn_down.weight", HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def folder(path: Path, to: Path) -> Path:
    """The model of a GGUF file as a folder of transformers."""
    to.mkdir(parents=True, exist_ok=True)
    bundled.convert(path, to)
    return to
