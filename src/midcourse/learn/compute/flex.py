"""FlexAttention over a tree, for GPUs: one compiled kernel that skips every tile of keys that the tree hides.

Who sees whom is a function of two numbers a row (`Tree`), so no mask of N × N is read by the kernel; windows and
soft-capped scores are part of it. PyTorch computes it on a CPU as well, but only forwards.

Compiling can fail: for want of a compiler, for an odd head width. The self-check tries it forwards and backwards, and a
model for which it fails is run the dense way, which is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from midcourse.learn.batch import Tree


def sees(tree: Tree, window: int | None) -> Callable[[Any, Any, Tensor, Tensor], Tensor]:
    """FlexAttention's question: does row `query` see row `key`? The same for all heads."""
    exit_N, position_N = tree.exit_N, tree.position_N

    def whole(_batch: Any, _head: Any, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (query < exit_N[key])

    if window is None:
        return whole
    width = window

    def near(_batch: Any, _head: Any, query: Tensor, key: Tensor) -> Tensor:
        return whole(_batch, _head, query, key) & (position_N[query] - position_N[key] < width)

    return near


def block_mask(tree: Tree, window: int | None) -> Any:
    """Which tiles of 128 × 128 hold something to see, and `sees` for those that are not wholly seen; made once."""
    from torch.nn.attention.flex_attention import create_block_mask

    if window not in tree.flex:
        many = len(tree.exit_N)
        tree.flex[window] = create_block_mask(sees(tree, window), None, None, many, many, tree.exit_N.device)
    return tree.flex[window]


def attend(
    module: nn.Module,
    query_BHND: Tensor,
    key_BGND: Tensor,
    value_BGND: Tensor,
    tree: Tree,
    window: int | None,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """What each row finds in the keys that it sees, (B, N, H, D), as transformers runs FlexAttention."""
    from transformers.integrations.flex_attention import flex_attention_forward

    mask = block_mask(tree, window)
    out_BNHD: Tensor = flex_attention_forward(
        module, query_BHND, key_BGND, value_BGND, mask, scaling=scale, softcap=softcap
    )[0]
    return out_BNHD
