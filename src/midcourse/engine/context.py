"""One context that a model has read: ids, their keys, and the logits after the last of them.

Representation: a cache that holds the keys of `ids` and no others. `begin` rolls it back to what new ids share with
those it holds, `read` feeds some of the rest; a caller with others to serve does something else in between. A model
whose state cannot be taken back starts over when it must, and `Reuse` shows it.

Invariants: the logits after `ids` do not depend on what was held before. Weights that change (`Loaded.version`) drop
everything. Several contexts of one model know nothing of each other.

Shapes: V tokens of the vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import DynamicCache

from midcourse.engine.cache import SlotCache, layer_windows
from midcourse.engine.contract import Reuse, check
from midcourse.trace.prefix import shared

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

__all__ = ["CHUNK", "Context", "Kind", "Reuse"]

WORTH = 8  # tokens from which on copying their keys is worth it
CHUNK = 512  # tokens of a prompt that are fed at a time: bounds memory, and the wait after a cancel


@dataclass(frozen=True, slots=True)
class Kind:
    """What one must know of a model to feed it bit by bit. `windows` as in `cache.layer_windows`."""

    windows: tuple[int | None, ...] | None
    argument: str  # what the model's forward calls its cache

    @classmethod
    def of(cls, loaded: Loaded) -> Kind:
        """Of this model."""
        config = loaded.model.config
        windows = layer_windows(config)
        base = loaded.base
        names = inspect.signature(base.forward).parameters
        return cls(
            None if windows is None else tuple(windows),
            "past_key_values" if "past_key_values" in names else "cache_params",
        )


class Context:
    """What one answer's model has read. Not for several threads at a time; the caller owns the model."""

    def __init__(self, loaded: Loaded, kind: Kind) -> None:
        self.loaded = loaded
        self.kind = kind
        self.ids: list[int] = []
        self.logits_V: torch.Tensor | None = None
        self.cache: Any = None  # of transformers; a `SlotCache` where the model can roll back
        self._version = loaded.version

    @property
    def slots(self) -> int:
        """For how many tokens there are keys, or room for them."""
        if self.cache is None:
            return 0
        return self.cache.capacity if isinstance(self.cache, SlotCache) else len(self.ids)

    def drop(self) -> None:
        """Forget everything, and free its memory."""
        self.ids, self.cache, self.logits_V = [], None, None
        self._version = self.loaded.version

    @property
    def stale(self) -> bool:
        """Whether other weights have computed what is held."""
        return self._version != self.loaded.version

    def refresh(self) -> None:
        """Drop what other weights have computed."""
        if self.stale:
            self.drop()

    def begin(self, ids: Sequence[int]) -> Reuse:
        """Keep only what `ids` begin with, to be read on; raises `ContextError`, `ModelError` if they cannot be."""
        self.refresh()
        kept = shared(self.ids, ids)
        if not kept == len(ids) == len(self.ids) or self.logits_V is None:
            self.check(ids)
            kept = self._roll_back(min(kept, len(ids) - 1))  # the last one again, for its logits
        return Reuse(kept, len(ids) - kept)

    def read(self, ids: Sequence[int], size: int = CHUNK) -> bool:
        """Feed about `size` more of `ids`, for which `begin` was called; True when all of them are read."""
        start = len(self.ids)
        stop = min(start + size, len(ids))
        if self.kind.windows is not None or start == 0:
            # some recurrent models take many tokens only to begin with, and get the rest wrong
            stop = stop if self.kind.windows is not None else len(ids)
            if start < stop:
                self._forward(list(ids[start:stop]))
        else:
            for place in range(start, stop):
                self._forward([ids[place]])
        return stop == len(ids)

    @torch.inference_mode()
    def follow(self, ids: Sequence[int]) -> list[float]:
        """Feed `ids` after everything that was read; the log-probability in nats that the model gives each of them."""
        found: list[float] = []
        size = len(ids) if self.kind.windows is not None else 1  # see `read`
        for start in range(0, len(ids), size):
            part = list(ids[start : start + size])
            assert self.logits_V is not None, "nothing was read"
            before_V = self.logits_V
            logits_TV = torch.cat([before_V[None], self._forward(part, len(part))[:-1]]).float()
            part_T = torch.tensor(part, device=logits_TV.device)
            logp_T = logits_TV.gather(1, part_T[:, None])[:, 0] - logits_TV.logsumexp(1)
            found += logp_T.tolist()
        return found

    def peek(self, length: int) -> torch.Tensor:
        """The logits (V) after the first `length` of `ids`, everything staying as it is; the cache must roll back."""
        assert self.kind.windows is not None
        assert 0 < length <= len(self.ids)
        if length == len(self.ids) and self.logits_V is not None:
            return self.logits_V
        held, last_V = self.ids, self.logits_V
        self.cache.slots.at = length - 1
        self.ids = held[: length - 1]
        self._forward([held[length - 1]])  # writes the key that is there already
        logits_V = self.logits_V
        assert logits_V is not None
        self.cache.slots.at = len(held)
        self.ids, self.logits_V = held, last_V
        return logits_V

    @torch.inference_mode()
    def borrow(self, other: Context, ids: Sequence[int]) -> int:
        """Copy what another context has read of the beginning of `ids`, for which `begin` was called.

        Returns how many tokens need not be read for that; 0 where it is not worth a copy, or cannot be had.
        """
        held = len(self.ids)
        common = min(shared(other.ids, ids), len(ids) - 1)  # the last one is read, for its logits
        if self.kind.windows is None or other.stale or common < held + WORTH:
            return 0
        if self.cache is None:
            self.cache = SlotCache(self.kind.windows)
        self.cache.copy(other.cache, held, common)
        self.ids, self.logits_V = list(ids[:common]), None
        return common - held

    def missing(self, ids: Sequence[int]) -> int:
        """How many of `ids`, for which `begin` was called, are not read yet."""
        return len(ids) - len(self.ids)

    def add(self, ids: Sequence[int], logits_V: torch.Tensor) -> None:
        """Somebody else has written the keys of these, after which these are the logits."""
        assert self.kind.windows is not None
        self.cache.slots.at += len(ids)
        self.ids, self.logits_V = [*self.ids, *ids], logits_V

    def check(self, ids: Sequence[int], room: int = 0) -> None:
        """Raises `ContextError` if `ids` and `room` more are too many, `ModelError` if one is not in the vocabulary."""
        size = self.loaded.vocabulary
        check(ids, self.loaded.name, limit=self.loaded.context_length, vocabulary=size, room=room)

    def _roll_back(self, length: int) -> int:
        """Cut the cache to `length` tokens, or to none if it cannot; returns how many are left."""
        self.logits_V = None
        if length == len(self.ids) and self.cache is not None:
            return length
        windows = self.kind.windows
        if self.cache is None or windows is None or length == 0:
            self.ids = []
            self.cache = DynamicCache(config=self.loaded.model.config) if windows is None else SlotCache(windows)
            return 0
        self.cache.slots.at = length
        del self.ids[length:]
        return length

    @torch.inference_mode()
    def _forward(self, ids: list[int], keep: int = 1) -> torch.Tensor:
        """Append `ids` to the cache; the last `keep` logits.

        Killed in between, everything is dropped: the cache may hold half of them.
        """
        held, cache = self.ids, self.cache
        self.ids, self.cache, self.logits_V = [], None, None
        inputs_1T = torch.tensor([ids], device=self.loaded.device)
        out = self.loaded.model(input_ids=inputs_1T, use_cache=True, logits_to_keep=keep, **{self.kind.argument: cache})
        if self.kind.windows is not None:
            cache.slots.at += len(ids)
        self.ids, self.cache, self.logits_V = held + ids, cache, out.logits[0, -1]
        logits_KV: torch.Tensor = out.logits[0]
        return logits_KV
