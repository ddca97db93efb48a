"""Several adapters on one loaded model, of which at most one is on; changing over moves no weights.

Representation: names of ours, which may hold anything, to the keys under which PEFT has them. Whoever switches owns the
model (`Loaded.owner`).
Invariant: what is computed is the model with the adapter `on`, or without any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from midcourse.adapters import attach
from midcourse.models import Loaded


class Switch:
    """The adapters of `loaded`; the one that it has been loaded with, if any, is called `name`."""

    def __init__(self, loaded: Loaded, name: str | None = None) -> None:
        self._loaded = loaded
        self._keys: dict[str, str] = {}
        self._places: dict[str, str | None] = {}
        self.on: str | None = None
        if loaded.has_adapter and name is not None:
            self._keys[name] = str(loaded.model.active_adapter)
            self._places[name] = loaded.adapter
            self.on = name

    def has(self, name: str) -> bool:
        """Whether an adapter of this name is there to be switched on."""
        return name in self._keys

    def add(self, name: str, adapter: str) -> None:
        """Load an adapter, which changes nothing yet. Raises `ModelError` where it does not fit."""
        if name in self._keys:
            return
        version, was = self._loaded.version, self._loaded.adapter
        key = f"adapter_{len(self._keys)}"
        attach(self._loaded, adapter, key)
        self._keys[name], self._places[name] = key, adapter
        self._loaded.version, self._loaded.adapter = version, was
        self._set(self.on)

    def use(self, name: str | None) -> None:
        """Switch to an adapter that was added, or to none; what other weights have computed is stale from here on."""
        if name == self.on:
            return
        self._set(name)
        self.on = name
        self._loaded.adapter = None if name is None else self._places[name]
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
        model: Any = self._loaded.model
        if not self._loaded.has_adapter:
            return
        if name is None:
            model.base_model.disable_adapter_layers()
        else:
            model.base_model.enable_adapter_layers()
            model.set_adapter(self._keys[name], inference_mode=True)
        model.requires_grad_(False)
