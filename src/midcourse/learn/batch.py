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


@dataclass(frozen=True, slots=True)
class Tree:
    """Who sees whom: row q sees row k if k <= q < exit[k] and, under a window w, position[q] - position[k] < w."""

    exit_N: Tensor
    position_N: Tensor
    _masks: dict[int | None, Tensor] = field(default_factory=dict, repr=False)

    def mask_NN(self, window: int | None = None) -> Tensor:
        """True where the query (first index) sees the key; made once for each window."""
        if window not in self._masks:
            row_N = torch.arange(len(self.exit_N), device=self.exit_N.device)
            seen_NN = (row_N[None, :] <= row_N[:, None]) & (row_N[:, None] < self.exit_N[None, :])
            if window is not None:
                seen_NN &= self.position_N[:, None] - self.position_N[None, :] < window
            self._masks[window] = seen_NN
        return self._masks[window]


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
