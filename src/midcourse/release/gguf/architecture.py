"""What llama.cpp calls an architecture of transformers, and what it wants to know of one.

Invariant: what llama.cpp would compute otherwise than transformers is refused, with what to do, before anything is
written. Where it would only do so beyond some length, the file's context ends there, and a notice says so.

Facts are those of llama.cpp's own converter and loader; names of tensors come from the `gguf` package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGUFWriter, RopeScalingType, get_tensor_name_map

from midcourse.errors import ModelError
from midcourse.words import counted

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class Architecture(NamedTuple):
    """One that can be written. `turned`: llama.cpp rotates neighbouring numbers of a head, transformers its halves.

    `shifted`: transformers adds 1 to the weights of norms, llama.cpp wants them with it. `large` is the number of
    layers of the one model for which llama.cpp scales attention by something else than the size of a head.
    """

    gguf: MODEL_ARCH
    turned: bool = False
    shifted: bool = False
    slides: bool = False
    large: int = 0


ALL = {
    "llama": Architecture(MODEL_ARCH.LLAMA, turned=True),
    "mistral": Architecture(MODEL_ARCH.LLAMA, turned=True),
    "qwen2": Architecture(MODEL_ARCH.QWEN2),
    "qwen3": Architecture(MODEL_ARCH.QWEN3),
    "gemma": Architecture(MODEL_ARCH.GEMMA, shifted=True),
    "gemma2": Architecture(MODEL_ARCH.GEMMA2, shifted=True, slides=True, large=46),
    "gemma3_text": Architecture(MODEL_ARCH.GEMMA3, shifted=True, slides=True, large=62),
}
PERIOD = {"gemma2": 2, "gemma3_text": 6}  # every so many layers one does not slide; llama.cpp has it built in
LOCAL_THETA = 10_000.0  # of the layers of Gemma 3 that slide; llama.cpp has it built in
ROPES = ("default", "linear", "llama3")


def find(config: PretrainedConfig, name: str) -> Architecture:
    """The architecture of a model. Raises `ModelError` where its kind cannot be written, or not exactly."""
    kind = config.model_type
    if kind not in ALL:
        raise ModelError(
            f"{name} is a model of the kind {kind!r}, which is not written as GGUF here (only "
            f"{', '.join(ALL)}); write --to merged, and convert that folder with llama.cpp's convert_hf_to_gguf.py"
        )
    if problems := _differences(config, ALL[kind]):
        raise ModelError(
            f"llama.cpp would not compute what {name} computes: {'; '.join(problems)}. Write --to merged instead, for "
            "transformers and vLLM"
        )
    return ALL[kind]


def _differences(config: PretrainedConfig, found: Architecture) -> list[str]:
    kind, problems = config.model_type, []
    rope = _ropes(config)
    if odd := sorted({one.get("rope_type", "default") for one in rope.values()} - set(ROPES)):
        problems.append(f"positions are scaled by the rule {', '.join(map(repr, odd))}")
    if float(rope["full_attention"].get("partial_rotary_factor", 1.0)) != 1.0:
        problems.append("positions rotate a part of each head only")
    silu = "gelu_pytorch_tanh" if found.shifted else "silu"
    act = getattr(config, "hidden_activation", None) or config.hidden_act
    if act not in (silu, *(("gelu",) if kind == "gemma" else ())):
        problems.append(f"the activation is {act!r} and should be {silu!r}")
    if kind in PERIOD and _pattern(config) != [number % PERIOD[kind] != 0 for number in _numbers(config)]:
        problems.append(f"not every {PERIOD[kind]}th layer sees everything")
    if kind == "gemma3_text" and float(rope["sliding_attention"]["rope_theta"]) != LOCAL_THETA:
        problems.append(f"sliding layers have a rotary base other than {LOCAL_THETA:,.0f}")
    scalar = getattr(config, "query_pre_attn_scalar", None)
    if scalar is not None and scalar != head_size(config) and config.num_hidden_layers != found.large:
        problems.append(f"attention is scaled by {scalar} and not by the size of a head, {head_size(config)}")
    if kind.startswith("qwen") and "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        problems.append("some layers slide")
    return problems


def _numbers(config: PretrainedConfig) -> range:
    return range(1, config.num_hidden_layers + 1)


def _pattern(config: PretrainedConfig) -> list[bool]:
    """Which layers slide."""
    return [kind == "sliding_attention" for kind in config.layer_types]


def _ropes(config: PretrainedConfig) -> dict[str, dict[str, Any]]:
    """How positions are rotated, by kind of layer; models with one kind have it as `full_attention`."""
    found = config.rope_parameters or {}
    return found if "full_attention" in found else {"full_attention": found}


def head_size(config: PretrainedConfig) -> int:
    """Numbers in a head."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def context(config: PretrainedConfig, found: Architecture) -> tuple[int, str | None]:
    """How many tokens the file says that the model sees; with a notice where the model itself sees more."""
    whole = int(config.max_position_embeddings)
    window = getattr(config, "sliding_window", None)
    if found.slides or not window or window >= whole or config.model_type.startswith("qwen"):
        return whole, None
    return int(window), (
        f"this model's attention slides over {window:,} tokens, and llama.cpp's does not: the file's context is "
        f"{window:,} tokens, within which both are the same"
    )


def write(writer: GGUFWriter, config: PretrainedConfig, found: Architecture) -> None:
    """The sizes of the model, under llama.cpp's names."""
    size = head_size(config)
    writer.add_context_length(context(config, found)[0])
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = _ropes(config)["full_attention"]
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if found.slides:
        writer.add_sliding_window(config.sliding_window)
    if getattr(config, "attn_logit_softcapping", None):
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    if getattr(config, "final_logit_softcapping", None):
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


class Names:
    """The names of a model's tensors in GGUF."""

    def __init__(self, config: PretrainedConfig, found: Architecture) -> None:
        self._map = get_tensor_name_map(found.gguf, config.num_hidden_layers)
        self._found = found
        self._heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}

    @property
    def arch(self) -> str:
        """What GGUF calls the architecture."""
        return str(MODEL_ARCH_NAMES[self._found.gguf])

    def get(self, name: str) -> str | None:
        """The name of the tensor that transformers calls `name`; None if llama.cpp has no place for it."""
        found: str | None = self._map.get_name(name, try_suffixes=(".weight", ".bias"))
        return found

    def heads(self, name: str) -> int:
        """In how many heads the rows of a tensor must be turned; 0 if they stay."""
        match = re.search(r"\.(q_proj|k_proj)\.(weight|bias)$", name)
        return int(self._heads[match[1]]) if match and self._found.turned else 0

    def shift(self, name: str) -> float:
        """What is added to every number of a tensor."""
        return 1.0 if self._found.shifted and name.endswith("norm.weight") else 0.0


def refuse(names: Sequence[str], what: str) -> None:
    """Raises `ModelError` if there are tensors without a place."""
    if names:
        raise ModelError(f"llama.cpp has no place for {counted(len(names), 'tensor')} of {what}, such as {names[0]}")
