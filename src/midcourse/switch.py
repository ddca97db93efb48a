"""Several adapters on one loaded model, of which at most one is on; changing over moves no weights but those of tokens.

Representation: names of ours, which may hold anything, to the keys under which PEFT has them; and the layers that have
adapters, whose two switches are set directly: asking PEFT takes longer than a token. Whoever switches owns the model
(`Loaded.owner`). An adapter that is told attributes by special tokens has a tokenizer of its own, wider than the
model's, and `own_tokens.py` keeps its embeddings.
Invariant: what is computed is the model with the adapter `on`, or without any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from midcourse.adapter_layers import put_tokens
from midcourse.adapters import attach, folder, manifest, special
from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.manifest import Manifest
from midcourse.loaded import Loaded
from midcourse.own_tokens import OwnTokens

if TYPE_CHECKING:
    from midcourse.tokenizer import HFTokenizer

Reads = Callable[[str], "tuple[str | None, HFTokenizer] | None"]
"""Which adapter, or none, brings the tokenizer of a fingerprint, and that tokenizer; None where nobody does."""


class Switch:
    """The adapters of `loaded`; the one that it has been loaded with, if any, is called `name`."""

    def __init__(self, loaded: Loaded, name: str | None = None) -> None:
        self._loaded = loaded
        self._keys: dict[str, str] = {}
        self._places: dict[str, str | None] = {}
        self._manifests: dict[str | None, Manifest | None] = {None: loaded.own}
        self._wider: dict[tuple[str, ...], HFTokenizer] = {(): loaded.tokenizer.plain}
        self._tokenizers: dict[str | None, HFTokenizer] = {None: loaded.tokenizer.plain}
        self._tokens = OwnTokens(loaded)
        self.on: str | None = None
        if loaded.has_adapter:
            key = str(loaded.model.active_adapter)
            self._tokens.take(key, loaded.tokenizer, str(loaded.adapter))
            self._tokens.put(key)
            if name is not None:
                self._keys[name], self._places[name] = key, loaded.adapter
                self._manifests[name], self._tokenizers[name] = loaded.manifest, loaded.tokenizer
                self.on = name
                told = loaded.tokenizer.conditioning
                self._wider[() if told is None else told.special] = loaded.tokenizer
        self._layers = _layers(loaded.model) if loaded.has_adapter else None

    def has(self, name: str) -> bool:
        """Whether an adapter of this name is there to be switched on."""
        return name in self._keys

    def told(self, name: str | None) -> Conditioning | None:
        """How the model is told attributes with an adapter that was added, or without any."""
        found = self._manifests[name]
        return None if found is None else found.conditioning

    def tokenizer(self, name: str | None) -> HFTokenizer:
        """The tokenizer as it asks the model for attributes with an adapter that was added, or without any."""
        own = copy(self._tokenizers[name])
        own.conditioning = self.told(name)
        return own

    def wider(self, adapter: str | None) -> HFTokenizer:
        """The model's tokenizer with the special tokens of an adapter in a folder; itself where there are none.

        Raises `ModelError` where it is no adapter, `ConfigError` where what it says of itself is damaged.
        """
        tokens = () if adapter is None else special(folder(adapter))
        if tokens not in self._wider:
            self._wider[tokens] = self._tokenizers[None].extended(tokens)
        return self._wider[tokens]

    def vocabulary(self, name: str | None) -> int:
        """How many tokens the model has with an adapter that was added, or without any."""
        return self._tokens.size(None if name is None else self._keys[name])

    def add(self, name: str, adapter: str) -> None:
        """Load an adapter, which changes nothing yet. Raises `ModelError` where it does not fit."""
        if name in self._keys:
            return
        loaded, tokenizer = self._loaded, self.wider(adapter)
        version, was, told, before = loaded.version, loaded.adapter, loaded.manifest, loaded.tokenizer
        key = f"adapter_{len(self._keys)}"
        self._tokens.check(adapter)
        loaded.tokenizer = tokenizer
        try:
            if tokenizer is not tokenizer.plain:
                self._tokens.make_room(tokenizer, adapter)
            attach(loaded, adapter, key)
            self._tokens.take(key, tokenizer, adapter)
        finally:
            loaded.tokenizer = before
            self._tokens.put(None if self.on is None else self._keys[self.on])
        self._keys[name], self._places[name], self._tokenizers[name] = key, adapter, tokenizer
        self._manifests[name] = manifest(folder(adapter), tokenizer, adapter) or loaded.own
        loaded.version, loaded.adapter = version, was
        loaded.tell(told)
        self._layers = _layers(self._loaded.model)
        self._loaded.model.requires_grad_(False)
        self._set(self.on)

    def use(self, name: str | None) -> None:
        """Switch to an adapter that was added, or to none; what other weights have computed is stale from here on."""
        if name == self.on:
            return
        self._set(name)
        self.on = name
        self._loaded.adapter = None if name is None else self._places[name]
        self._loaded.tokenizer = self._tokenizers[name]
        self._loaded.tell(self._manifests[name])
        self._loaded.changed()

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """An adapter, or none, for as long as this lasts, by whoever keeps apart what each of them has computed."""
        if name == self.on:
            yield
            return
        self._set(name)
        try:
            yield
        finally:
            self._set(self.on)

    def _set(self, name: str | None) -> None:
        if not self._loaded.has_adapter:
            return
        model: Any = self._loaded.model
        key = None if name is None else self._keys[name]
        self._tokens.put(key)
        if self._layers is None:
            self._set_thoroughly(key)
            return
        for layer in self._layers:
            layer._disable_adapters = key is None
            if key is not None:
                layer._active_adapter = [key]
        assert all(layer.disable_adapters is (key is None) for layer in self._layers[:1]), "PEFT has changed"
        if key is not None:
            model.active_adapter = model.base_model.active_adapter = key
            assert all(layer.active_adapters == [key] for layer in self._layers[:1]), "PEFT has changed"

    def _set_thoroughly(self, key: str | None) -> None:
        """PEFT's own way: it also looks at every parameter, to say which of them are to be trained."""
        model: Any = self._loaded.model
        put_tokens(model, back=True)
        if key is None:
            model.base_model.disable_adapter_layers()
        else:
            model.base_model.enable_adapter_layers()
            model.set_adapter(key, inference_mode=True)
            put_tokens(model)
        model.requires_grad_(False)


def _layers(model: Any) -> list[Any] | None:
    """All layers with adapters; None where some keep whole modules instead, which are switched otherwise."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    modules = list(model.modules())
    if any(isinstance(module, AuxiliaryTrainingWrapper) for module in modules):
        return None
    return [module for module in modules if isinstance(module, BaseTunerLayer)]
