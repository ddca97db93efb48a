"""A layout as tensors: what the model is fed, who sees whom, and where the log-probabilities are read.

Legend: N rows, R supervised rows (each once), T targets (layout order).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from midcourse.learn.layout import Layout

KEPT = 1 << 19  # elements of a block's mask that is kept for the next layer; a larger one is made again
BLOCK = 96  # rows that attend together: enough for full matrix products, few enough to share most of their keys


@dataclass(frozen=True, slots=True)
class Block:
    """The rows `start` to `stop`, and the stretches of keys (`low`, `high`) that any of them sees.

    `seen_QK` is True where the row sees the key, keys stretch after stretch.
    """

    start: int
    stop: int
    keys: list[tuple[int, int]]
    seen_QK: Tensor
    _additive: dict[tuple[torch.dtype, int], Tensor] = field(default_factory=dict, repr=False)

    def additive(self, dtype: torch.dtype, copies: int) -> Tensor:
        """0 where the key is seen and -∞ elsewhere, the rows `copies` times."""
        if (dtype, copies) in self._additive:
            return self._additive[dtype, copies]
        mask_QK = torch.zeros(self.seen_QK.shape, dtype=dtype).masked_fill_(~self.seen_QK, -torch.inf).repeat(copies, 1)
        if mask_QK.numel() <= KEPT:
            self._additive[dtype, copies] = mask_QK
        return mask_QK


@dataclass(frozen=True, slots=True)
class Tree:
    """Who sees whom: row q sees row k if k <= q < exit[k] and, under a window w, position[q] - position[k] < w."""

    exit_N: Tensor
    position_N: Tensor
    flex: dict[int | None, Any] = field(default_factory=dict, repr=False)  # FlexAttention's masks, by window
    _masks: dict[int | None, Tensor] = field(default_factory=dict, repr=False)
    _blocks: dict[int | None, list[Block]] = field(default_factory=dict, repr=False)

    def blocks(self, window: int | None = None) -> list[Block]:
        """All rows in blocks of at most `BLOCK`, each with the keys that it needs; made once for each window."""
        if window not in self._blocks:
            count = len(self.exit_N)
            ends = [(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]
            self._blocks[window] = [_block(self.seen_QK(start, stop, window), start, stop) for start, stop in ends]
        return self._blocks[window]

    def seen_QK(self, start: int, stop: int, window: int | None = None) -> Tensor:
        """True where a row of `start` to `stop` sees a key before `stop`."""
        key_K = torch.arange(stop, device=self.exit_N.device)
        row_Q1 = key_K[start:, None]
        seen_QK = (key_K <= row_Q1) & (row_Q1 < self.exit_N[:stop])
        if window is not None:
            seen_QK &= self.position_N[start:stop, None] - self.position_N[:stop] < window
        return seen_QK

    def mask_NN(self, window: int | None = None) -> Tensor:
        """True where the query (first index) sees the key; made once for each window."""
        if window not in self._masks:
            self._masks[window] = self.seen_QK(0, len(self.exit_N), window)
        return self._masks[window]


def _block(seen_QK: Tensor, start: int, stop: int) -> Block:
    """The block of rows whose part of the mask is `seen_QK`."""
    needed = seen_QK.any(0).to(torch.int8)
    edges = torch.diff(needed, prepend=needed.new_zeros(1), append=needed.new_zeros(1)).nonzero()[:, 0].tolist()
    keys = list(zip(edges[::2], edges[1::2], strict=True))
    return Block(start, stop, keys, torch.cat([seen_QK[:, low:high] for low, high in keys], dim=1))


@dataclass(frozen=True, slots=True)
class Batch:
    """`token_1N` and `position_1N` go into the model; supervised row `index_T[t]` of `row_R` predicts target t."""

    layout: Layout
    token_1N: Tensor
    position_1N: Tensor
    tree: Tree
    row_R: Tensor
    index_T: Tensor
    token_T: Tensor
    segment_T: Tensor


def batch(layout: Layout, device: torch.device | str = "cpu") -> Batch:
    """`layout` on `device`."""

    def long(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    row_R, index_T = torch.unique(long(layout.row_T), return_inverse=True)
    position_N = long(layout.position_N)
    return Batch(
        layout=layout,
        token_1N=long(layout.token_N)[None],
        position_1N=position_N[None],
        tree=Tree(long(layout.exit_N), position_N),
        row_R=row_R,
        index_T=index_T,
        token_T=long(layout.token_T),
        segment_T=long(layout.segment_T),
    )


def dense_mask(tree: Tree, config: Any, *, dtype: torch.dtype, additive: bool, by_type: bool) -> Any:
    """The mask as `transformers` passes it on untouched: (1, 1, N, N), or one for each kind of layer.

    `additive` gives 0 and the smallest number of `dtype` instead of True and False (eager attention adds its mask).
    `config` is the text model's; with `by_type` the model takes a dict from kind of layer to mask.
    """

    def form(window: int | None) -> Tensor:
        mask_NN = tree.mask_NN(window)
        if additive:
            zero = torch.zeros((), dtype=dtype, device=mask_NN.device)
            mask_NN = torch.where(mask_NN, zero, torch.finfo(dtype).min)
        return mask_NN[None, None]

    window = getattr(config, "sliding_window", None)
    if not by_type:
        return form(window)
    kinds: Mapping[str, int | None] = {"full_attention": None, "sliding_attention": window}
    return {kind: form(width) for kind, width in kinds.items() if kind == "full_attention" or width is not None}
