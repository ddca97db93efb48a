"""A whole model as a GGUF file: weights, sizes, tokenizer and chat template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gguf import GGUFType, GGUFWriter

from midcourse.release.gguf import architecture, tensors, vocabulary
from midcourse.release.gguf.tensors import Planned, Progress, Type
from midcourse.words import counted

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

    from midcourse.models.loaded import Loaded


def write(path: Path, loaded: Loaded, type: Type, *, name: str, progress: Progress) -> list[str]:
    """Write `loaded`, whose model is plain, to `path`; returns notices. Raises `ModelError` before it begins."""
    config = loaded.model.config.get_text_config()
    found = architecture.find(config, loaded.name)
    names = architecture.Names(config, found)
    planned = _planned(loaded.model.state_dict(), config, names)
    if (factors := _factors(loaded.model, config)) is not None:
        planned.append(Planned("rope_freqs.weight", factors.shape, lambda: factors))
    writer = GGUFWriter(None, names.arch)
    writer.add_type(GGUFType.MODEL)
    writer.add_name(name)
    architecture.write(writer, config, found)
    vocabulary.write(writer, loaded.tokenizer, loaded.model.get_input_embeddings().weight.shape[0])
    tensors.write(path, writer, planned, type, progress)
    notices = [notice] if (notice := architecture.context(config, found)[1]) else []
    if type == "q8_0" and (
        odd := [one.name for one in planned if len(one.shape) > 1 and one.shape[-1] % tensors.BLOCK]
    ):
        notices.append(
            f"{counted(len(odd), 'matrix is', 'matrices are')} f16: rows of them do not divide by {tensors.BLOCK}"
        )
    return notices


def _planned(state: dict[str, torch.Tensor], config: PretrainedConfig, names: architecture.Names) -> list[Planned]:
    """Every tensor of the model under its new name; a head that is the embedding is left out."""
    planned, strange = [], []
    for name, tensor in state.items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        found = names.get(name)
        if found is None:
            strange.append(name)
            continue

        def make(name: str = name, tensor: torch.Tensor = tensor) -> np.ndarray:
            return tensors.turned(tensors.numbers(tensor), names.heads(name)) + np.float32(names.shift(name))

        planned.append(Planned(found, tuple(tensor.shape), make))
    architecture.refuse(strange, "this model")
    return planned


def _factors(model: torch.nn.Module, config: PretrainedConfig) -> np.ndarray | None:
    """By how much each rotary frequency was divided for long contexts (Llama 3's rule); None if by nothing."""
    rope = config.rope_parameters or {}
    if rope.get("rope_type") != "llama3":
        return None
    actual = next(buffer for name, buffer in model.named_buffers() if name.endswith("inv_freq"))
    size = architecture.head_size(config)
    plain = 1.0 / (float(rope["rope_theta"]) ** (np.arange(0, size, 2, dtype=np.float64) / size))
    return np.asarray(plain / tensors.numbers(actual), dtype=np.float32)
