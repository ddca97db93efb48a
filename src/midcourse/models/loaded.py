"""A model in memory: its tokenizer, what was resolved, and one owner at a time.

Representation: `Loaded` holds the model (a `PeftModel` as soon as there is an adapter). Engine and trainer share one:
whoever computes with it or changes it takes `owner`, and `version` changes with the weights, so that what was computed
before (a prefix cache) is known to be stale.

Importing this module imports neither torch nor transformers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from midcourse.errors import ModelError
from midcourse.models.adapter_layers import lora_layers, put_tokens, switched_off, unswitchable, without_lora

if TYPE_CHECKING:
    import torch

    from midcourse.attributes.manifest import Manifest
    from midcourse.models.tokenizer import HFTokenizer


@dataclass(eq=False)
class Loaded:
    """A model in eval mode with its tokenizer, and what its settings resolved to."""

    model: Any  # a PreTrainedModel, or a PeftModel around one
    tokenizer: HFTokenizer
    name: str
    adapter: str | None
    dtype: torch.dtype
    device: torch.device
    attention: str
    context_length: int
    version: int = 0
    manifest: Manifest | None = None  # what the model as it is now can be told, if it has learned to be told anything
    own: Manifest | None = None  # the same of the model without any adapter
    own_vocabulary: int | None = None  # ids that the model knows by itself, where an adapter's tokens have made more
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _held_by: str = field(default="", repr=False)

    @property
    def has_adapter(self) -> bool:
        """Whether the model is wrapped with an adapter."""
        return hasattr(self.model, "peft_config")

    @property
    def base(self) -> Any:
        """The transformers model itself, inside an adapter or not."""
        return self.model.get_base_model() if self.has_adapter else self.model

    @property
    def vocabulary(self) -> int:
        """How many token ids there are embeddings for."""
        return int(self.model.config.get_text_config(decoder=True).vocab_size)

    def changed(self) -> None:
        """To be called after the weights have changed: whatever was computed with them is stale."""
        self.version += 1

    def tell(self, manifest: Manifest | None) -> None:
        """From now on the model is told attributes as `manifest` says, or not at all."""
        self.manifest = manifest
        self.tokenizer.conditioning = None if manifest is None else manifest.conditioning

    def check_switchable(self) -> None:
        """Raises `ModelError` where the adapter, if there is one, cannot be switched off."""
        for config in self.model.peft_config.values() if self.has_adapter else ():
            if (bias := getattr(config, "bias", "none")) != "none":
                raise ModelError(unswitchable(str(self.adapter), bias))

    @contextmanager
    def without_adapter(self) -> Iterator[None]:
        """The base model as it was, for as long as this lasts; nothing happens if there is no adapter.

        Raises `ModelError` where the adapter cannot be switched off.
        """
        if not self.has_adapter:
            yield
            return
        self.check_switchable()
        self.changed()
        try:
            with switched_off(self.model):
                yield
        finally:
            put_tokens(self.model)
            self.changed()

    @contextmanager
    def folded(self) -> Iterator[None]:
        """A LoRA adapter added into the weights for as long as this lasts: the same function to rounding, and faster.

        The weights come back bit for bit. Nothing happens without a LoRA adapter, with one that is switched off, or
        below float32, where adding a small matrix to a large one would round it away.
        """
        layers = lora_layers(self.model) if self.has_adapter else []
        if not layers or str(self.dtype) != "torch.float32":
            yield
            return
        from torch.nn import Parameter

        kept = [layer.get_base_layer().weight for layer in layers]
        try:
            for layer, weight in zip(layers, kept, strict=True):
                names = [name for name in layer.active_adapters if name in layer.lora_A]
                added = sum(layer.get_delta_weight(name).to(weight.dtype) for name in names)
                # another parameter, not other data in it: a head may share its own with the embeddings
                layer.get_base_layer().weight = Parameter(weight.data + added, requires_grad=False)
            with without_lora(layers):
                yield
        finally:
            for layer, weight in zip(layers, kept, strict=True):
                layer.get_base_layer().weight = weight

    @contextmanager
    def owner(self, who: str) -> Iterator[Loaded]:
        """Have the model alone. Raises `ModelError`, at once, while someone else has it."""
        if not self._lock.acquire(blocking=False):
            raise ModelError(f"the model is busy ({self._held_by}); wait until that is done, or stop it")
        self._held_by = who
        try:
            yield self
        finally:
            self._held_by = ""
            self._lock.release()

    def summary(self) -> str:
        """What was resolved, in one line."""
        adapter = f" + adapter {self.adapter}" if self.adapter is not None else ""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.name}{adapter} · {dtype} on {self.device} · {self.attention} · context {self.context_length:,}"
