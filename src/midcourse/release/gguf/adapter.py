"""A LoRA adapter as a GGUF file of its own: llama.cpp adds it to a GGUF file of the base model when it runs.

No weight of the base model is read. llama.cpp scales every pair by `adapter.lora.alpha / rank`; where PEFT scales a
layer by something else (rsLoRA, patterns), the difference goes into B.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGUFType, GGUFWriter, Keys

from midcourse.errors import ModelError
from midcourse.release.gguf import architecture, tensors
from midcourse.release.gguf.tensors import Planned, Progress, Type
from midcourse.words import counted

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_PAIR = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.weight")
_SUPPORTED = "a LoRA of linear layers alone can be written so. Merge it instead: --to gguf"


def write(path: Path, folder: Path, config: PretrainedConfig, type: Type, *, name: str, progress: Progress) -> None:
    """Write the adapter in `folder`, for a base model of `config`. Raises `ModelError` before it begins."""
    from safetensors import safe_open

    found = architecture.find(config, name)
    names = architecture.Names(config, found)
    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    check(settings, name)
    alpha = float(settings["lora_alpha"])
    planned, strange = [], []
    with safe_open(str(folder / "adapter_model.safetensors"), "pt") as file:
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        for key, shape in sorted(shapes.items()):
            match = _PAIR.fullmatch(key)
            base = f"{match[1]}.weight" if match else key
            place = names.get(base) if match else None
            if match is None or place is None or (base == "lm_head.weight" and config.tie_word_embeddings):
                strange.append(key)
                continue
            rank = shape[0] if match[2] == "A" else shape[1]
            scale = _scaling(settings, match[1], rank) * rank / alpha

            def make(key: str = key, base: str = base, side: str = match[2], scale: float = scale) -> np.ndarray:
                array = tensors.numbers(file.get_tensor(key))
                return array if side == "A" else tensors.turned(array, names.heads(base)) * np.float32(scale)

            planned.append(Planned(f"{place}.lora_{match[2].lower()}", shape, make))
        if strange:
            raise ModelError(f"{name} has {counted(len(strange), 'tensor')} such as {strange[0]}; {_SUPPORTED}")
        writer = GGUFWriter(None, names.arch)
        writer.add_type(GGUFType.ADAPTER)
        writer.add_name(name)
        writer.add_string(Keys.Adapter.TYPE, "lora")
        writer.add_float32(Keys.Adapter.LORA_ALPHA, alpha)
        tensors.write(path, writer, planned, type, progress)


def check(settings: dict[str, Any], name: str) -> None:
    """Raises `ModelError` for what only a merged model can hold."""
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise ModelError(f"{name} is an adapter of the kind {kind}; {_SUPPORTED}")
    odd = [key for key in ("use_dora", "lora_bias", "modules_to_save", "trainable_token_indices") if settings.get(key)]
    odd += ["bias"] if settings.get("bias", "none") != "none" else []
    odd += ["fan_in_fan_out"] if settings.get("fan_in_fan_out") else []
    if odd:
        raise ModelError(f"{name} was trained with {', '.join(odd)}; {_SUPPORTED}")


def _scaling(settings: dict[str, Any], module: str, rank: int) -> float:
    """By what PEFT multiplies a layer's B·A."""
    from peft.utils.other import get_pattern_key

    patterns = settings.get("alpha_pattern") or {}
    alpha = float(patterns.get(get_pattern_key(list(patterns), module), settings["lora_alpha"]))
    return alpha / rank**0.5 if settings.get("use_rslora") else alpha / rank
