"""Frozen weights in 4 or 8 bits, under an adapter in float32 (QLoRA, arXiv 2305.14314), through bitsandbytes.

What is not a matrix of a layer (embedding, norms, head) stays in float32, as PEFT's `prepare_model_for_kbit_training`
wants it; the hook for input gradients that it sets besides is only for reentrant checkpointing, which nobody uses here.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from midcourse.errors import ModelError

if TYPE_CHECKING:
    import torch

Bits = Literal["4bit", "8bit"]


def ready(bits: Bits, device: str, found: torch.device) -> None:
    """Raise `ModelError` where weights of `bits` cannot be used. `device` was asked for, and `found` is what it is."""
    if found.type not in ("cuda", "xpu", "cpu") or (found.type == "cpu" and device == "auto"):
        raise ModelError(
            f"quantize {bits}: there is no CUDA device here (the best one is {found}). Leave --quantize out, or say "
            "--device cpu to hold the weights in few bits on the processor, which saves memory and is slower"
        )
    if find_spec("bitsandbytes") is None:
        raise ModelError(
            f"quantize {bits}: bitsandbytes is not installed; say pip install 'midcourse[qlora]', or leave it out"
        )


def config(bits: Bits, compute: torch.dtype) -> Any:
    """How transformers is to load such weights: NormalFloat of 4 bits with its constants quantized too, or LLM.int8."""
    from transformers import BitsAndBytesConfig

    if bits == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )


def keep_gradients(model: Any) -> None:
    """On processors with AVX512-BF16 bitsandbytes repacks a weight in its first pass without gradients, for good.

    A repacked weight passes no gradient on, and says nothing of it.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def numbers(model: Any) -> torch.dtype:
    """The coarsest numbers in which `model` multiplies what it was loaded with."""
    import torch

    found: torch.dtype = model.get_input_embeddings().weight.dtype
    settings = getattr(model.config, "quantization_config", None)
    if settings is None or not hasattr(settings, "load_in_8bit"):
        return found
    return torch.float16 if settings.load_in_8bit else settings.bnb_4bit_compute_dtype
