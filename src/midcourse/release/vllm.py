"""The command that serves an adapter with vLLM, and what vLLM cannot serve as an adapter."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes (vllm/config/lora.py)


def rank(settings: Mapping[str, Any]) -> int | None:
    """The smallest --max-lora-rank that holds an adapter with this `adapter_config.json`; None if none does."""
    highest = max([int(settings["r"]), *(settings.get("rank_pattern") or {}).values()])
    return next((one for one in RANKS if one >= highest), None)


def why_not(settings: Mapping[str, Any]) -> str | None:
    """Why vLLM does not serve the adapter beside its model; None where it does."""
    if settings.get("peft_type") != "LORA":
        return f"vLLM serves no adapters of the kind {settings.get('peft_type')}"
    if settings.get("trainable_token_indices") or settings.get("modules_to_save"):
        return "vLLM serves no adapter that brings embeddings of its own"
    if settings.get("use_dora") or settings.get("lora_bias") or settings.get("bias", "none") != "none":
        return "vLLM serves LoRA without DoRA or biases only"
    if rank(settings) is None:
        return f"vLLM serves ranks up to {RANKS[-1]} only"
    return None


def command(base: str, settings: Mapping[str, Any], name: str, place: str) -> str:
    """Serve `base` with the adapter in the folder, or of the repository, `place` as the model `name`."""
    modules = f"--lora-modules {shlex.quote(f'{name}={place}')}"
    return f"vllm serve {shlex.quote(base)} --enable-lora --max-lora-rank {rank(settings)} {modules}"
