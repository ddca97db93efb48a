"""Adapters as training leaves them, made in milliseconds: their numbers are random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from midcourse import models
from midcourse.attributes.conditioning import Conditioning, Way
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.schema import Schema
from midcourse.models import adapters


def adapter(base: Path, folder: Path, *, seed: int, rank: int = 4, targets: Sequence[str] = ("all-linear",)) -> Path:
    """A LoRA adapter for the model in `base`, in `folder`; another seed makes another one."""
    loaded = models.add_lora(models.load(str(base)), rank=rank, targets=targets)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in loaded.model.named_parameters():
            if ".lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    models.save(loaded, folder)
    return folder


def with_tokens(base: Path, folder: Path, *, seed: int, schema: str = "helpsteer") -> Path:
    """An adapter that is told the attributes of a ready-made schema by special tokens of its own."""
    attributes = Schema.load(schema)
    told = Conditioning(attributes=attributes, way="tokens")
    loaded = models.load(str(base))
    adapters.extend(loaded, loaded.tokenizer.extended(told.special))
    fingerprint = loaded.tokenizer.fingerprint
    loaded.tell(Manifest(attributes=attributes, conditioning=told, model=str(base), tokenizer=fingerprint))
    models.add_lora(loaded, rank=4)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in loaded.model.named_parameters():
            if ".lora_" in name or "trainable_tokens_delta" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    models.save(loaded, folder)
    return folder


def with_dials(folder: Path, base: Path, schema: str = "helpsteer", way: Way = "system") -> Path:
    """The adapter in `folder`, as one that has learned to be told the attributes of a ready-made schema."""
    attributes = Schema.load(schema)
    told = Conditioning(attributes=attributes, way=way)
    fingerprint = models.load_tokenizer(str(base)).fingerprint
    Manifest(attributes=attributes, conditioning=told, model=str(base), tokenizer=fingerprint).write(folder)
    return folder
