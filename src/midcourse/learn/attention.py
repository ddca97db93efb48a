"""Attention over a tree: each row sees the rows on its own path and nothing else.

Registered with transformers' `AttentionInterface` under `NAME` and used only inside `tree_attention`. The tree comes as
the keyword `tree`, which models hand down to the attention function; with a name that has no mask function
transformers builds no mask of its own, and sliding layers say their window.

Legend: B = 1, H query heads, G key/value heads, N rows, D width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from midcourse.learn.batch import Tree

NAME = "midcourse_tree"


@contextmanager
def tree_attention(decoder: nn.Module) -> Iterator[None]:
    """Inside, `decoder` attends by the `tree` that its forward pass is given."""
    from transformers import AttentionInterface

    if NAME not in AttentionInterface._global_mapping:
        AttentionInterface.register(NAME, _attend)
    config: Any = decoder.config
    before = config._attn_implementation
    config._attn_implementation_internal = NAME
    try:
        yield
    finally:
        config._attn_implementation_internal = before


def _attend(
    _module: nn.Module,
    query_BHND: Tensor,
    key_BGND: Tensor,
    value_BGND: Tensor,
    attention_mask: Tensor | None,
    *,
    tree: Tree,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_unused: Any,
) -> tuple[Tensor, None]:
    assert attention_mask is None, "transformers made a mask of its own"
    groups = query_BHND.shape[1] // key_BGND.shape[1]
    key_BHND = key_BGND.repeat_interleave(groups, dim=1)
    value_BHND = value_BGND.repeat_interleave(groups, dim=1)
    mask_NN = tree.mask_NN(sliding_window)
    if softcap is None:
        out_BHND = F.scaled_dot_product_attention(
            query_BHND, key_BHND, value_BHND, attn_mask=mask_NN[None, None], dropout_p=dropout, scale=scaling
        )
    else:
        scale = query_BHND.shape[-1] ** -0.5 if scaling is None else scaling
        score_BHNN = softcap * torch.tanh(query_BHND @ key_BHND.transpose(2, 3) * (scale / softcap))
        weight_BHNN = score_BHNN.float().masked_fill(~mask_NN, -torch.inf).softmax(-1).to(query_BHND.dtype)
        out_BHND = F.dropout(weight_BHNN, dropout) @ value_BHND
    return out_BHND.transpose(1, 2).contiguous(), None
