"""Keys and values that can be taken back: a transformers `Cache` over slots that are allocated in advance.

`DynamicCache` copies all keys for every token, and forgets those that leave a sliding window, so it cannot roll back
beyond one. Here each layer has a buffer of R rows and C slots; a forward pass writes its T tokens into the slots from
`at` on and sees the slots before. Rolling back is to lower `at`. Layers with a sliding window keep everything; their
masks do the rest.

Invariant: slots before `at` are written; a mask, not the cache, says which of them a query may see.

Shapes: R rows, H key heads, C slots, T new tokens, D width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig
from transformers.cache_utils import (
    Cache,
    CacheLayerMixin,
    DummyLayer,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

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
        self.keys = key_states.new_empty((*shape, key_states.shape[-1]))
        self.values = value_states.new_empty((*shape, value_states.shape[-1]))
        self.is_initialized = True

    def reserve(self, slots: int) -> None:
        """Make room for `slots` slots, keeping those before `at`."""
        if slots > self.keys.shape[2]:
            capacity = -(-slots // GROW) * GROW
            self.keys = _grown(self.keys, self.slots.at, capacity)
            self.values = _grown(self.values, self.slots.at, capacity)

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

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys a query of `query_length` tokens meets, and the index of the first."""
        return self.slots.at + query_length, 0

    def get_seq_length(self) -> int:
        """How many slots are written."""
        return self.slots.at

    def get_max_length(self) -> int:
        """No limit."""
        return -1


def _grown(old: torch.Tensor, used: int, capacity: int) -> torch.Tensor:
    rows, heads, _, width = old.shape
    new = old.new_empty((rows, heads, capacity, width))
    new[:, :, :used] = old[:, :, :used]
    return new


class SlotCache(Cache):  # type: ignore[misc]
    """A cache of slot layers that share one place; the caller moves `slots.at` after each forward pass."""

    def __init__(self, sliding: list[bool | None], rows: int = 1) -> None:
        self.slots = Slots(rows)
        layers = [DummyLayer() if kind is None else SlotLayer(self.slots, kind) for kind in sliding]
        super().__init__(layers=layers)


def sliding_layers(config: PretrainedConfig) -> list[bool | None] | None:
    """For each layer whether it slides (None: it keeps no keys of its own); None for a model that cannot roll back.

    A state (SSM, linear attention, convolution) forgets; only plain attention, full or sliding, can be taken back.
    """
    kinds: list[bool | None] = []
    for layer in DynamicCache(config=config).layers:
        if type(layer) is DynamicLayer or type(layer) is DynamicSlidingWindowLayer:
            kinds.append(type(layer) is DynamicSlidingWindowLayer)
        elif type(layer) is DummyLayer:
            kinds.append(None)
        else:
            return None
    return kinds
