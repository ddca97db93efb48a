"""What a plan has to know of the model that is trained. The training itself loads it anew, in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from midcourse.models.tokenizer import HFTokenizer

if TYPE_CHECKING:
    import torch

    from midcourse.models.loaded import Loaded


@dataclass(frozen=True)
class Trainable:
    """A model, loaded here or not; `refused` says why it cannot be trained, if it cannot."""

    name: str
    tokenizer: HFTokenizer
    context_length: int
    device: torch.device
    bytes: int | None = None
    refused: str | None = None

    @classmethod
    def of(cls, loaded: Loaded) -> Self:
        """The model that is loaded."""
        size = sum(weight.numel() * weight.element_size() for weight in loaded.model.parameters())
        return cls(loaded.name, loaded.tokenizer, loaded.context_length, loaded.device, size)

    @classmethod
    def named(cls, name: str, tokenizer: HFTokenizer, context_length: int) -> Self:
        """A model that something else computes while people steer, which sees `context_length` tokens there."""
        from midcourse import models

        device = models.best_device()
        if name.endswith(".gguf"):
            why = (
                "a GGUF file cannot be trained: start the studio with --model naming the model that it was made from, "
                "and the file as --gguf"
            )
            return cls(name, tokenizer, context_length, device, refused=why)
        return cls(name, tokenizer, models.context_length(name), device)
