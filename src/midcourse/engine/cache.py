"""Keys and values that can be taken back: a transformers `Cache` over slots that are allocated in advance.

`DynamicCache` copies all keys for every token, and forgets those that leave a sliding window, so it cannot roll back
beyond one. Here each layer has a buffer of R rows and C slots; a forward pass writes its T tokens into the slots from
`at` on and sees the slots before. Rolling back is to lower `at`. Layers with a sliding window keep everything; their
masks do the rest.

Invariant: slots before `at` are written; a mask, not the cache, says which of them a query may see.

Shapes: R rows, H key heads, C slots, T new tokens, D width of a head.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import PretrainedConfig, cache_utils
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

DummyLayer: Any = getattr(cache_utils, "DummyLayer", None)  # not in the oldest transformers that we take
GROW = 128  # slots that are added at a time


class Slots:
    """Where the next forward pass writes: rows `start` to `stop` (exclusive), slots from `at` on."""

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self.start = 0
        self.stop = rows
        self.at = 0


class SlotLayer(CacheLayerMixin):  # type: ignore[misc]
    """The buffers of one layer: `keys` and `values` of (R, H, C, D)."""

    is_croppable = True

    def __init__(self, slots: Slots, sliding: bool) -> None:
        super().__init__()
        self.slots = slots
        self.is_sliding = sliding

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make the buffers in the dtype and on the device of the first keys."""
        shape = (self.slots.rows, key_states.shape[1], 0)
        self.keys = key_states.new_zeros((*shape, key_states.shape[-1]))
        self.values = value_states.new_zeros((*shape, value_states.shape[-1]))
        self.is_initialized = True

    def reserve(self, slots: int) -> None:
        """Make room for `slots` slots."""
        if slots > self.keys.shape[2]:
            capacity = -(-slots // GROW) * GROW
            self.keys = _grown(self.keys, capacity)
            self.values = _grown(self.values, capacity)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the tokens (R', H, T, D) of the active rows and return the views of all slots up to them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        place = self.slots
        end = place.at + key_states.shape[2]
        self.reserve(end)
        self.keys[place.start : place.stop, :, place.at : end] = key_states
        self.values[place.start : place.stop, :, place.at : end] = value_states
        return self.keys[place.start : place.stop, :, :end], self.values[place.start : place.stop, :, :end]

    def get_mask_sizes(self, query_length: Any) -> tuple[int, int]:
        """How many keys a query of `query_length` tokens meets, and the index of the first.

        Older transformers give the positions of the query's tokens instead of their number.
        """
        return self.slots.at + (len(query_length) if isinstance(query_length, torch.Tensor) else query_length), 0

    def get_seq_length(self) -> int:
        """How many slots are written."""
        return self.slots.at

    def get_max_length(self) -> int:
        """No limit."""
        return -1

    def get_max_cache_shape(self) -> int:
        """No limit, as older transformers ask for it."""
        return -1


def _grown(old: torch.Tensor, capacity: int) -> torch.Tensor:
    rows, heads, used, width = old.shape
    new = old.new_zeros((rows, heads, capacity, width))  # a masked slot weighs 0, and 0 · NaN is NaN
    new[:, :, :used] = old
    return new


class SlotCache(Cache):  # type: ignore[misc]
    """A cache of slot layers that share one place; the caller moves `slots.at` after each forward pass.

    `windows` are those of `layer_windows`.
    """

    def __init__(self, windows: Sequence[int | None], rows: int = 1) -> None:
        self.slots = Slots(rows)
        layers = [DummyLayer() if window is None else SlotLayer(self.slots, window > 0) for window in windows]
        super().__init__(layers=layers)

    def slot_layers(self) -> list[SlotLayer]:
        """The layers that hold keys."""
        return [layer for layer in self.layers if isinstance(layer, SlotLayer)]

    def copy(self, other: SlotCache, start: int, stop: int) -> None:
        """Take the slots from `start` to `stop` from another cache of one row; there are `start` of them here."""
        assert self.slots.at == start
        assert self.slots.rows == other.slots.rows == 1
        for mine, its in zip(self.slot_layers(), other.slot_layers(), strict=True):
            if not mine.is_initialized:
                mine.lazy_initialization(its.keys, its.values)
            mine.reserve(stop)
            mine.keys[:, :, start:stop] = its.keys[:, :, start:stop]
            mine.values[:, :, start:stop] = its.values[:, :, start:stop]
        self.slots.at = stop

    @property
    def capacity(self) -> int:
        """How many slots have memory."""
        return max((layer.keys.shape[2] for layer in self.slot_layers() if layer.is_initialized), default=0)


def layer_windows(config: PretrainedConfig) -> list[int | None] | None:
    """The window of each layer: 0 for full attention, None for a layer without keys of its own.

    None for a model that cannot roll back: a state (SSM, linear attention, convolution) forgets; only plain attention,
    full or sliding, can be taken back.
    """
    windows: list[int | None] = []
    for layer in DynamicCache(config=config).layers:
        if type(layer) is DynamicLayer:
            windows.append(0)
        elif type(layer) is DynamicSlidingWindowLayer:
            windows.append(layer.sliding_window)
        elif DummyLayer is not None and type(layer) is DummyLayer:
            windows.append(None)
        else:
            return None
    return windows


def token_bytes(loaded: Loaded) -> int:
    """What the keys and values of one token take, about; where layers differ, what they take at most."""
    config = loaded.model.config.get_text_config(decoder=True)
    wide = config.hidden_size
    heads, key_heads = config.num_attention_heads, getattr(config, "num_key_value_heads", None)
    if isinstance(heads, int) and isinstance(key_heads, int):
        wide = key_heads * (getattr(config, "head_dim", None) or wide // heads)
    return int(2 * config.num_hidden_layers * wide * loaded.dtype.itemsize)


def memory(device: torch.device) -> int:
    """The bytes of memory on `device`: of a GPU those that nobody has taken yet, of a computer all."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + unused)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not told on every system
        return 8 << 30
