"""On which device a model is computed, and in which numbers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from midcourse.errors import ModelError
from midcourse.models.hub import first_line

if TYPE_CHECKING:
    import torch

DType = Literal["auto", "float32", "bfloat16", "float16"]


def chosen_device(name: str) -> torch.device:
    """The device of that name, or the best one for `auto`. Raises `ModelError` if it cannot be used."""
    import torch

    if name == "auto":
        return best_device()
    try:
        device = _of_process(torch.device(name))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"the device {name!r} cannot be used: {first_line(error)}") from error
    return device


def best_device() -> torch.device:
    """The best device there is; where a launcher started a process for each, this process's own."""
    import torch

    if torch.cuda.is_available():
        return _of_process(torch.device("cuda"))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return _of_process(torch.device("xpu")) if torch.xpu.is_available() else torch.device("cpu")


def _of_process(device: torch.device) -> torch.device:
    """The one of several like `device` that a launcher meant this process to have."""
    import torch

    local = os.environ.get("LOCAL_RANK")
    if local is None or str(device) not in ("cuda", "xpu"):
        return device
    count = getattr(torch, device.type).device_count()
    return torch.device(device.type, int(local) % count) if count else device


def chosen_dtype(name: DType, device: torch.device) -> torch.dtype:
    """The numbers of that name; for `auto` bfloat16 where the device multiplies it faster, else float32."""
    import torch

    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "xpu":
        return torch.bfloat16
    # AVX-512 has bfloat16 instructions too, but there float32 was the faster one in batches: docs/log.md
    return torch.bfloat16 if device.type == "cpu" and torch.cpu._is_amx_tile_supported() else torch.float32
