"""In which numbers to compute: bfloat16 where the machine is fast at it, float32 otherwise.

In bfloat16 the frozen matrices are held in bfloat16 for the time of training, the rest stays as loaded, and autocast
multiplies matrices in bfloat16; trained weights, their gradients and the optimizer stay float32. In either, LoRA layers
run as `lora.py` has them, gated layers as `gate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn

from midcourse.learn.compute import gate, lora


@cache
def fast_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 matrices faster than float32 ones."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    # Of the processors whose bfloat16 is AVX-512's alone, AMD's multiply it 2.4 times as fast as float32 (370 against
    # 150 GFLOP/s on two cores of a Zen 4), Intel's more slowly (80 against 130 on one): docs/benchmarks.md.
    return bool(torch.cpu._is_amx_tile_supported()) or (torch.cpu._is_avx512_bf16_supported() and _of_amd())


def _of_amd() -> bool:
    """Whether the processor says that it is one of AMD's."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # older versions of PyTorch have none
    return tell is not None and str(tell().get("cpu_name", "")).startswith("AMD")


def resolve(dtype: str, device: torch.device) -> torch.dtype:
    """`auto`, `float32` or `bfloat16` as a dtype for this device."""
    if dtype == "auto":
        return torch.bfloat16 if fast_bfloat16(device.type) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]


@contextmanager
def computing(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Inside, matrix products of `model` are in `dtype`; afterwards its weights are what they were, to the bit."""
    device = next(model.parameters()).device.type
    if dtype != torch.bfloat16:
        with lora.fused(model), gate.fused(model):
            yield
        return
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for module in model.modules():
        if isinstance(module, nn.Linear) and not module.weight.requires_grad and module.weight.dtype == torch.float32:
            kept.append((module.weight, module.weight.data))
            module.weight.data = module.weight.data.to(dtype)
    try:
        # a cast that is kept outlives its weight
        with lora.fused(model), gate.fused(model), torch.autocast(device, dtype=dtype, cache_enabled=False):
            yield
    finally:
        for weight, original in kept:
            weight.data = original
