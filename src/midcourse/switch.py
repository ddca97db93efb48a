"""Several adapters on one loaded model, of which at most one is on; changing over moves no weights but those of tokens.

Representation: names of ours, which may hold anything, to the keys under which PEFT has them; and the layers that have
adapters, whose two switches are set directly: asking PEFT takes longer than a token. Whoever switches owns the model
(`Loaded.owner`). An adapter that is told attributes by special tokens has a tokenizer of its own, wider than the
model's, and `models/own_tokens.py` keeps its embeddings.
Invariant: what is computed is the model with the adapter `on`, or without any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.manifest import Manifest
from midcourse.engine.turns import Around, Mixed
from midcourse.errors import ModelError
from midcourse.models import adapter_fit
from midcourse.models.adapter_files import folder, manifest, special
from midcourse.models.adapter_layers import NotTheRowError, lora_by_part, plain, put_tokens
from midcourse.models.adapters import attach, detach
from midcourse.models.loaded import Loaded
from midcourse.models.own_tokens import OwnTokens

if TYPE_CHECKING:
    from midcourse.models.tokenizer import HFTokenizer

Reads = Callable[[str], "tuple[str | None, HFTokenizer] | None"]
"""Which adapter, or none, brings the tokenizer of a fingerprint, and that tokenizer; None where nobody does."""


class Switch:
    """The adapters of `loaded`; the one that it has been loaded with, if any, is called `name`.

    Raises `ModelError` where that one cannot be switched off.
    """

    def __init__(self, loaded: Loaded, name: str | None = None) -> None:
        self._loaded = loaded
        self._keys: dict[str, str] = {}
        self._places: dict[str, str | None] = {}
        self._manifests: dict[str | None, Manifest | None] = {None: loaded.own}
        self._wider: dict[tuple[str, ...], HFTokenizer] = {(): loaded.tokenizer.plain}
        self._tokenizers: dict[str | None, HFTokenizer] = {None: loaded.tokenizer.plain}
        self._tokens = OwnTokens(loaded)
        self._arounds: dict[str | None, _Around] = {}
        self._count = 0  # of the keys that were ever given to an adapter: PEFT remembers what it was told of each
        self.on: str | None = None
        if loaded.has_adapter:
            loaded.check_switchable()
            key = str(loaded.model.active_adapter)
            self._tokens.take(key, loaded.tokenizer, str(loaded.adapter))
            self._tokens.put(key)
            if name is not None:
                self._keys[name], self._places[name] = key, loaded.adapter
                self._manifests[name], self._tokenizers[name] = loaded.manifest, loaded.tokenizer
                self.on = name
                told = loaded.tokenizer.conditioning
                self._wider[() if told is None else told.special] = loaded.tokenizer
        self._find_layers()

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

    def why_not(self, adapter: str) -> str | None:
        """Why a saved adapter cannot be added, known from its kind, names and shapes alone; None where it may.

        Raises `ModelError` if it is no adapter.
        """
        return adapter_fit.why_not(self._loaded, adapter) or adapter_fit.biased(adapter)

    def add(self, name: str, adapter: str) -> None:
        """Load an adapter, which changes nothing yet, also where it does not fit.

        Raises `ModelError` where it does not, or cannot be switched off.
        """
        if name in self._keys:
            return
        loaded, tokenizer = self._loaded, self.wider(adapter)
        version, was, told, before = loaded.version, loaded.adapter, loaded.manifest, loaded.tokenizer
        key = f"adapter_{self._count}"
        self._count += 1
        if (why := adapter_fit.biased(adapter)) is not None:
            raise ModelError(why)
        self._tokens.check(adapter)
        loaded.tokenizer = tokenizer
        try:
            if tokenizer is not tokenizer.plain:
                self._tokens.make_room(tokenizer, adapter)
            attach(loaded, adapter, key)
            try:
                self._tokens.take(key, tokenizer, adapter)
                self._manifests[name] = manifest(folder(adapter), tokenizer, adapter) or loaded.own
            except ModelError:
                detach(loaded, key)
                raise
            self._keys[name], self._places[name], self._tokenizers[name] = key, adapter, tokenizer
        finally:
            loaded.tokenizer, loaded.version, loaded.adapter = before, version, was
            loaded.tell(told)
            self._find_layers()
            loaded.model.requires_grad_(False)
            self._tokens.put(None if self.on is None else self._keys[self.on])
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

    def around(self, name: str | None) -> Around:
        """What a seat is to have around its turns to write with an adapter, or with none: `using` it, where that can
        be in passes that it shares with those of other adapters."""
        return self._arounds.setdefault(name, _Around(self, name))

    def mixes(self, name: str | None) -> bool:
        """Whether a pass for an adapter, or none, can serve others as well: it is LoRA and nothing else."""
        return self._mixes and (name is None or not self._tokens.has(self._keys[name]))

    @contextmanager
    def mixing(self, parts: Sequence[tuple[str | None, int]]) -> Iterator[None]:
        """Each part of a row, of so many tokens, with an adapter of its own, or with none; all of them `mixes`."""
        assert self._layers is not None
        try:
            by_key = [(None if name is None else self._keys[name], width) for name, width in parts]
            with self.using(None), lora_by_part(self._layers, by_key):
                yield
        except NotTheRowError:
            self._mixes = False
            raise

    def _find_layers(self) -> None:
        self._layers = _layers(self._loaded.model) if self._loaded.has_adapter else None
        self._mixes = bool(self._layers) and all(map(plain, self._layers or ()))

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


class _Around(Mixed):
    """Around turns with an adapter, or with none."""

    def __init__(self, switch: Switch, name: str | None) -> None:
        self.switch = switch
        self.name = name

    def __call__(self) -> AbstractContextManager[None]:
        return self.switch.using(self.name)

    def joins(self, other: Around | None) -> bool:
        if not isinstance(other, _Around) or other.switch is not self.switch:
            return False
        return self.switch.mixes(self.name) and self.switch.mixes(other.name)

    def together(self, parts: Sequence[tuple[Around, int]]) -> AbstractContextManager[None]:
        return self.switch.mixing([(one.name, width) for one, width in parts if isinstance(one, _Around)])


def _layers(model: Any) -> list[Any] | None:
    """All layers with adapters; None where some keep whole modules instead, which are switched otherwise."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    modules = list(model.modules())
    if any(isinstance(module, AuxiliaryTrainingWrapper) for module in modules):
        return None
    return [module for module in modules if isinstance(module, BaseTunerLayer)]
