"""The rows of a batch: keys of many contexts side by side, each rolled back, extended and reused on its own.

Representation: one `SlotCache` of R rows. A row's tokens lie in ascending slots with holes between (other rows were
longer, or it was rolled back); `position_RC` says which token's keys a slot holds, -1 a hole. A query sees the slots of
its row with a position up to its own, in a sliding layer those within the window only.

Invariant: `ids[r]` are the tokens whose keys row r holds, at positions 0, 1, …; holes hold finite numbers.

Shapes: R rows, C slots, T new tokens, K keys (slots up to the new tokens).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from midcourse.engine.cache import SlotCache
from midcourse.engine.context import CHUNK
from midcourse.models.loaded import Loaded


class Source(NamedTuple):
    """Where keys come from: the first `length` tokens of a row."""

    rows: Rows
    row: int
    length: int


class Rows:
    """Keys and values of several contexts."""

    def __init__(self, loaded: Loaded, windows: Sequence[int | None], count: int) -> None:
        self.loaded = loaded
        self.cache = SlotCache(windows, count)
        self.ids: list[list[int]] = [[] for _ in range(count)]
        self.position_RC = torch.full((count, 0), -1, dtype=torch.int32, device=loaded.device)
        self.window = max((window for window in windows if window), default=0)
        self.mixed = bool(self.window) and 0 in windows

    def __len__(self) -> int:
        return len(self.ids)

    # ---- contents ------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def take(self, sources: Sequence[Source | None], slots: int) -> None:
        """Fill the empty rows with the beginnings of others (None: nothing); there is memory for `slots` at first."""
        longest = max((source.length for source in sources if source), default=0)
        self.position_RC = torch.full((len(self), slots), -1, dtype=torch.int32, device=self.loaded.device)
        places: list[tuple[int, Source, torch.Tensor]] = []
        for row, source in enumerate(sources):
            if source and source.length:
                slots_S = (source.rows.position_RC[source.row] >= 0).nonzero()[: source.length, 0]
                places.append((row, source, slots_S))
                self.ids[row] = source.rows.ids[source.row][: source.length]
                self.position_RC[row, : source.length] = torch.arange(source.length)
        if not places:
            return
        for number, layer in enumerate(self.cache.slot_layers()):
            example = places[0][1].rows.cache.slot_layers()[number]
            layer.lazy_initialization(example.keys, example.values)
            layer.reserve(slots)
            for row, source, slots_S in places:
                old = source.rows.cache.slot_layers()[number]
                layer.keys[row, :, : source.length] = old.keys[source.row].index_select(1, slots_S)
                layer.values[row, :, : source.length] = old.values[source.row].index_select(1, slots_S)
        self.cache.slots.at = longest

    @torch.inference_mode()
    def swap(self, one: int, two: int) -> None:
        """Exchange two rows."""
        if one == two:
            return
        at = self.cache.slots.at
        for layer in self.cache.slot_layers():
            for buffer in (layer.keys, layer.values):
                kept = buffer[one, :, :at].clone()
                buffer[one, :, :at] = buffer[two, :, :at]
                buffer[two, :, :at] = kept
        self.position_RC[[one, two]] = self.position_RC[[two, one]]
        self.ids[one], self.ids[two] = self.ids[two], self.ids[one]

    # ---- forward passes ------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def prefill(self, start: int, tails: Sequence[Sequence[int]]) -> None:
        """Feed `tails[i]` to row `start + i`, which holds nothing but what it has taken; then the next rows, or decode.

        The tails lie where the longest of their own rows ends, and what is decoded behind the longest of all.
        """
        slots = self.cache.slots
        count, width = len(tails), max(map(len, tails))
        slots.start, slots.stop = start, start + count
        before, after = max(len(self.ids[row]) for row in range(start, slots.stop)), slots.at
        self._room(before + width)
        position_RT = torch.full((count, width), -1, dtype=torch.int32)
        input_RT = torch.zeros((count, width), dtype=torch.long)
        for i, tail in enumerate(tails):
            held = len(self.ids[start + i])
            input_RT[i, : len(tail)] = torch.tensor(tail, dtype=torch.long)
            position_RT[i, : len(tail)] = torch.arange(held, held + len(tail))
            self.ids[start + i] = [*self.ids[start + i], *tail]
        position_RT = position_RT.to(self.loaded.device)
        self.position_RC[start : slots.stop, before : before + width] = position_RT
        for begin in range(0, width, CHUNK):
            slots.at = before + begin
            self._forward(input_RT[:, begin : begin + CHUNK], position_RT[:, begin : begin + CHUNK])
        slots.at = max(after, before + width)

    @torch.inference_mode()
    def decode(self, tokens: Sequence[int]) -> torch.Tensor:
        """Feed one token to each of the first rows; the logits (R, V) after them."""
        slots = self.cache.slots
        slots.start, slots.stop = 0, len(tokens)
        self._room(slots.at + 1)
        position_R1 = torch.tensor(
            [[len(self.ids[row])] for row in range(len(tokens))], dtype=torch.int32, device=self.loaded.device
        )
        self.position_RC[: len(tokens), slots.at : slots.at + 1] = position_R1
        logits_RV = self._forward(torch.tensor(tokens)[:, None], position_R1)
        slots.at += 1
        for row, token in enumerate(tokens):
            self.ids[row].append(token)
        return logits_RV

    def _room(self, slots: int) -> None:
        """Widen `position_RC` to at least `slots`."""
        have = self.position_RC.shape[1]
        if slots > have:
            more_RC = self.position_RC.new_full((len(self), slots + 127 - have), -1)
            self.position_RC = torch.cat([self.position_RC, more_RC], dim=1)

    def _forward(self, input_RT: torch.Tensor, position_RT: torch.Tensor) -> torch.Tensor:
        """Logits (R, V) of the last column; padding has the position -1 and sees itself."""
        out = self.loaded.model(
            input_ids=input_RT.to(self.loaded.device),
            position_ids=position_RT.clamp(min=0).long(),
            attention_mask=self._mask(position_RT),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits_RV: torch.Tensor = out.logits[:, -1]
        return logits_RV

    def _mask(self, position_RT: torch.Tensor) -> Any:
        """What to add to the attention scores, (R, 1, T, K); one a kind of layer for a model that mixes kinds."""
        slots = self.cache.slots
        width = position_RT.shape[1]
        key_R1K = self.position_RC[slots.start : slots.stop, None, : slots.at + width]
        query_RT1 = position_RT[:, :, None]
        seen_RTK = (key_R1K >= 0) & (key_R1K <= query_RT1)
        if width > 1:  # padding sees itself, else its softmax is over nothing
            seen_RTK[:, :, slots.at :] |= torch.eye(width, dtype=torch.bool, device=seen_RTK.device)
        if not self.window:
            return self._added(seen_RTK)
        near_RTK = seen_RTK & ((query_RT1 - key_R1K < self.window) | (query_RT1 < 0))
        if not self.mixed:
            return self._added(near_RTK)
        return {"full_attention": self._added(seen_RTK), "sliding_attention": self._added(near_RTK)}

    def _added(self, seen_RTK: torch.Tensor) -> torch.Tensor:
        dtype = self.loaded.dtype
        added_RTK = torch.zeros(seen_RTK.shape, dtype=dtype, device=seen_RTK.device)
        return added_RTK.masked_fill_(~seen_RTK, torch.finfo(dtype).min)[:, None]


def batches(loaded: Loaded, windows: Sequence[int | None] | None) -> bool:
    """Whether rows of this model can share a forward pass: its masks and positions can be given from outside."""
    if windows is None or loaded.attention not in ("sdpa", "eager"):
        return False
    if len({window for window in windows if window}) > 1:  # several window sizes
        return False
    base = loaded.base
    if "position_ids" not in inspect.signature(base.forward).parameters:
        return False
    decoder = base.get_decoder()
    mixed = any(windows) and 0 in windows
    return not mixed or "isinstance(causal_mask_mapping := attention_mask, dict)" in inspect.getsource(type(decoder))
