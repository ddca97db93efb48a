"""Attention over a tree: each row sees the rows on its own path and nothing else, and pays for little more.

Rows are cut into blocks of neighbours. A block attends only to the keys that some row of it sees: for a stretch of the
trunk all before it, for a few short branches the trunk up to their last fork and themselves; under a window, less. In
depth-first order these keys are a few unbroken stretches, so taking them is cheap. Query heads that share a key/value
head are stacked as more rows of the block, so nothing is repeated for them.

On a GPU, `flex.py` does it where the self-check finds that it works. What neither can do is dense: every row against
every key, under a mask.

Registered with transformers' `AttentionInterface` under `NAMES` and used only inside `tree_attention`. The tree comes
as the keyword `tree`, which models hand down to the attention function; with a name that has no mask function
transformers builds no mask of its own, and sliding layers say their window.

Legend: B = 1, H query heads, G key/value heads, S = H / G, N rows, Q rows of a block, K keys of a block, D head width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from midcourse.learn.batch import Block, Tree
from midcourse.learn.compute import flex
from midcourse.learn.compute.recompute import recomputed

Way = Literal["tree", "flex"]
NAMES: dict[Way, str] = {"tree": "midcourse_tree", "flex": "midcourse_flex"}
_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@contextmanager
def tree_attention(decoder: nn.Module, way: Way = "tree") -> Iterator[None]:
    """Inside, `decoder` attends by the `tree` that its forward pass is given."""
    from transformers import AttentionInterface

    name = NAMES[way]
    if name not in AttentionInterface._global_mapping:
        AttentionInterface.register(name, partial(_attend, way=way))
    config: Any = decoder.config
    before = config._attn_implementation
    config._attn_implementation_internal = name
    try:
        yield
    finally:
        config._attn_implementation_internal = before


def _attend(
    module: nn.Module,
    query_BHND: Tensor,
    key_BGND: Tensor,
    value_BGND: Tensor,
    attention_mask: Tensor | None,
    *,
    tree: Tree,
    way: Way,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_unused: Any,
) -> tuple[Tensor, None]:
    assert attention_mask is None, "transformers made a mask of its own"
    kind = query_BHND.device.type
    if torch.is_autocast_enabled(kind):  # rotary positions leave queries and keys wider than values
        dtype = torch.get_autocast_dtype(kind)
        query_BHND, key_BGND, value_BGND = (whole.to(dtype) for whole in (query_BHND, key_BGND, value_BGND))
    scale = query_BHND.shape[-1] ** -0.5 if scaling is None else scaling
    on_cpu = kind == "cpu" and query_BHND.shape[-1] == value_BGND.shape[-1]
    if way == "flex" and not dropout:
        return flex.attend(module, query_BHND, key_BGND, value_BGND, tree, sliding_window, scale, softcap), None
    if softcap is None and not dropout and on_cpu:
        out_BHND = _Blocks.apply(query_BHND, key_BGND, value_BGND, tree.blocks(sliding_window), scale)  # type: ignore[no-untyped-call]
    else:
        inputs = (query_BHND, key_BGND, value_BGND, tree.mask_NN(sliding_window), scale, dropout, softcap)
        out_BHND = recomputed(_dense, *inputs) if softcap is not None else _dense(*inputs)
    return out_BHND.transpose(1, 2).contiguous(), None


def _dense(
    query_BHND: Tensor,
    key_BGND: Tensor,
    value_BGND: Tensor,
    mask_NN: Tensor,
    scale: float,
    dropout: float,
    softcap: float | None,
) -> Tensor:
    """Every row against every key under the mask. Capped scores are H × N × N: keep none of them for the backward."""
    groups = query_BHND.shape[1] // key_BGND.shape[1]
    key_BHND = key_BGND.repeat_interleave(groups, dim=1)
    value_BHND = value_BGND.repeat_interleave(groups, dim=1)
    if softcap is None:
        return F.scaled_dot_product_attention(
            query_BHND, key_BHND, value_BHND, attn_mask=mask_NN[None, None], dropout_p=dropout, scale=scale
        )
    score_BHNN = softcap * torch.tanh(query_BHND @ key_BHND.transpose(2, 3) * (scale / softcap))
    weight_BHNN = score_BHNN.float().masked_fill(~mask_NN, -torch.inf).softmax(-1).to(query_BHND.dtype)
    return F.dropout(weight_BHNN, dropout) @ value_BHND


class _Blocks(torch.autograd.Function):
    """PyTorch's fused CPU attention, block by block; gradients of shared keys are added up in place."""

    @staticmethod
    def forward(
        ctx: Any, query_BHND: Tensor, key_BGND: Tensor, value_BGND: Tensor, blocks: list[Block], scale: float
    ) -> Tensor:
        groups = key_BGND.shape[1]
        out_BNHD = query_BHND.new_empty(*query_BHND.transpose(1, 2).shape)  # as the next layer wants it, and keeps it
        out_BHND, sums = out_BNHD.transpose(1, 2), []
        for block in blocks:
            query_BGQD = _stack(query_BHND, block, groups)
            mask_QK = block.additive(query_BHND.dtype, query_BHND.shape[1] // groups)
            key_BGKD, value_BGKD = (_take(whole, block) for whole in (key_BGND, value_BGND))
            out_BGQD, sum_BGQ = _forward(query_BGQD, key_BGKD, value_BGKD, 0.0, False, attn_mask=mask_QK, scale=scale)
            _unstack(out_BHND, out_BGQD, block)
            sums.append(sum_BGQ)
        ctx.save_for_backward(query_BHND, key_BGND, value_BGND, out_BHND, *sums)
        ctx.blocks, ctx.scale = blocks, scale
        return out_BHND

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BHND: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query_BHND, key_BGND, value_BGND, out_BHND, *sums = ctx.saved_tensors
        groups = key_BGND.shape[1]
        query_grad = torch.empty_like(query_BHND)
        key_grad, value_grad = torch.zeros_like(key_BGND), torch.zeros_like(value_BGND)
        for block, sum_BGQ in zip(ctx.blocks, sums, strict=True):
            query_BGQD, grad_BGQD, out_BGQD = (
                _stack(whole, block, groups) for whole in (query_BHND, grad_BHND, out_BHND)
            )
            mask_QK = block.additive(query_BHND.dtype, query_BHND.shape[1] // groups)
            key_BGKD, value_BGKD = (_take(whole, block) for whole in (key_BGND, value_BGND))
            one, two, three = _backward(
                grad_BGQD, query_BGQD, key_BGKD, value_BGKD, out_BGQD, sum_BGQ, 0.0, False,
                attn_mask=mask_QK, scale=ctx.scale,
            )  # fmt: skip
            _unstack(query_grad, one, block)
            start = 0
            for low, high in block.keys:
                key_grad[:, :, low:high] += two[:, :, start : start + high - low]
                value_grad[:, :, low:high] += three[:, :, start : start + high - low]
                start += high - low
        return query_grad, key_grad, value_grad, None, None


def _stack(whole_BHND: Tensor, block: Block, groups: int) -> Tensor:
    """The block's rows of all heads that share a key/value head, one head after the other, (B, G, S·Q, D)."""
    rows_BHQD = whole_BHND[:, :, block.start : block.stop]
    return rows_BHQD.reshape(rows_BHQD.shape[0], groups, -1, rows_BHQD.shape[-1])


def _unstack(whole_BHND: Tensor, part_BGQD: Tensor, block: Block) -> None:
    """Write what `_stack` took back to its place."""
    rows_BHQD = whole_BHND[:, :, block.start : block.stop]
    rows_BHQD.copy_(part_BGQD.reshape(rows_BHQD.shape))


def _take(whole_BGND: Tensor, block: Block) -> Tensor:
    """The keys (or values) that the block sees, (B, G, K, D)."""
    if len(block.keys) == 1:
        low, high = block.keys[0]
        return whole_BGND[:, :, low:high]
    return torch.cat([whole_BGND[:, :, low:high] for low, high in block.keys], dim=2)
