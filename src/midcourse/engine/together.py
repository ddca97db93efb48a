"""Several contexts go on, each by as many tokens as it likes, in a single pass of the model.

Most of the time for one token goes into bringing the weights to the processor, so ten answers that are written at
once cost little more than one, and a part of somebody's prompt beside them not much more than by itself
(arXiv 2308.16369). What is new stands in one row, context after context: the layers' products are those of one text,
and attention looks at each context's own buffers, however long, so nothing is copied and nothing padded. Query heads
that share a key/value head are stacked as more rows of it, where transformers repeats the keys for each of them: after
a long context, a correction of a few tokens is so read in half the time.

Registered with transformers' `AttentionInterface` under `NAME` and used only inside `read`; the contexts go down to the
attention function as the keyword `together`.

Invariant: the logits are those of the contexts read one by one, up to rounding. `check` says whether a model's are.

Legend: C contexts, T new tokens of one of them, N of all, H query heads, G key/value heads, S = H / G, Q = S T, K keys,
D head width, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from midcourse.engine.context import Context, Kind
from midcourse.models.loaded import Loaded

NAME = "midcourse_together"
MOST = 32  # contexts in a pass
FEW = 48  # tokens of each that are read like a single one
STRETCHED = ("dynamic", "longrope")  # positions whose meaning depends on how long the longest row is


def possible(loaded: Loaded, kind: Kind) -> bool:
    """Whether the model is of a kind that `read` is for; `check` tries it."""
    config = loaded.model.config.get_text_config(decoder=True)
    rope = str(getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None))
    base = loaded.base
    return (
        kind.windows is not None
        and None not in kind.windows
        and loaded.attention in ("sdpa", "eager")
        and "position_ids" in inspect.signature(base.forward).parameters
        and not any(name in rope for name in STRETCHED)
    )


@torch.inference_mode()
def check(loaded: Loaded, kind: Kind) -> bool:
    """Whether a few contexts have the same logits read together as one by one."""
    if not possible(loaded, kind):
        return False
    size = loaded.own_vocabulary or loaded.vocabulary
    rows = [[(7 + 31 * row + 13 * place) % size for place in range(length)] for row, length in enumerate((3, 9, 6))]
    alone = [_read(Context(loaded, kind), ids) for ids in rows]
    joined = [_read(Context(loaded, kind), ids[:-1]) for ids in rows]
    longer = [_read(Context(loaded, kind), rows[row][:-2]) for row in (1, 2)]
    try:
        read([*joined, *longer], [*(ids[-1:] for ids in rows), *(rows[row][-2:] for row in (1, 2))])
    except (TypeError, KeyError, ValueError, RuntimeError, AssertionError, AttributeError, IndexError):
        return False  # a model that takes no such function, or gives it something else
    bound = 1e-3 if loaded.dtype == torch.float32 else 0.1
    pairs = [*zip(alone, joined, strict=True), *zip(alone[1:], longer, strict=True)]
    return all(bool((_probs(one) - _probs(other)).abs().max() <= bound) for one, other in pairs)


def _read(context: Context, ids: Sequence[int]) -> Context:
    context.begin(ids)
    context.read(ids)
    return context


def _probs(context: Context) -> Tensor:
    assert context.logits_V is not None
    return context.logits_V.float().softmax(-1)


@dataclass
class _Pass:
    """What the attention function has to know of a pass: `widths` are how many tokens each context gets.

    `masks` by window, width and keys, for more than one new token.
    """

    contexts: Sequence[Context]
    widths: Sequence[int]
    masks: dict[tuple[int, int, int], Tensor] = field(default_factory=dict)


@torch.inference_mode()
def read(contexts: Sequence[Context], tails: Sequence[Sequence[int]]) -> None:
    """Append to each context its new tokens. Where it fails, none has changed."""
    loaded, widths = contexts[0].loaded, [len(tail) for tail in tails]
    input_1N = torch.tensor([[token for tail in tails for token in tail]], device=loaded.device)
    places = [
        torch.arange(len(context.ids), len(context.ids) + width)
        for context, width in zip(contexts, widths, strict=True)
    ]
    position_1N = torch.cat(places)[None].to(loaded.device)
    last_C = torch.tensor(widths, device=loaded.device).cumsum(0) - 1
    with _attending(loaded):
        out = loaded.model(
            input_ids=input_1N,
            position_ids=position_1N,
            use_cache=False,
            logits_to_keep=last_C,
            together=_Pass(contexts, widths),
        )
    for context, tail, logits_V in zip(contexts, tails, out.logits[0], strict=True):
        context.add(tail, logits_V.clone() if len(contexts) > 1 else logits_V)  # a view would keep those of all


@contextmanager
def _attending(loaded: Loaded) -> Iterator[None]:
    from transformers import AttentionInterface

    if NAME not in AttentionInterface._global_mapping:
        AttentionInterface.register(NAME, _attend)
    base = loaded.base
    found = base.get_decoder()
    config: Any = (base.model if found is base else found).config
    before = config._attn_implementation
    config._attn_implementation_internal = NAME
    try:
        yield
    finally:
        config._attn_implementation_internal = before


def _attend(
    module: nn.Module,
    query_1HND: Tensor,
    key_1GND: Tensor,
    value_1GND: Tensor,
    attention_mask: Tensor | None,
    *,
    together: _Pass,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_unused: Any,
) -> tuple[Tensor, None]:
    assert attention_mask is None, "transformers made a mask of its own"
    assert s_aux is None, "sinks are not computed here"
    number: int = module.layer_idx  # type: ignore[assignment]
    heads, width = query_1HND.shape[1], query_1HND.shape[-1]
    groups = key_1GND.shape[1]
    scale = width**-0.5 if scaling is None else scaling
    out_1HTD = []
    news = (torch.split(tensor, list(together.widths), 2) for tensor in (query_1HND, key_1GND, value_1GND))
    for context, new, query_1HTD, key_1GTD, value_1GTD in zip(together.contexts, together.widths, *news, strict=True):
        keys_1GKD, values_1GKD = context.cache.layers[number].update(key_1GTD, value_1GTD)
        window = (context.kind.windows or ())[number] or 0
        if window:
            keys_1GKD, values_1GKD = (whole[:, :, -(window + new - 1) :] for whole in (keys_1GKD, values_1GKD))
        query_1GQD = query_1HTD.reshape(1, groups, -1, width)  # the heads of a group are its rows
        mask_QK = None
        if new > 1:
            count = keys_1GKD.shape[2]
            mask_QK = together.masks.get((window, new, count))
            if mask_QK is None:
                mask_QK = _mask(new, count, window, heads // groups, query_1HND)
                together.masks[window, new, count] = mask_QK
        if softcap is None:
            out_1GQD = F.scaled_dot_product_attention(query_1GQD, keys_1GKD, values_1GKD, mask_QK, scale=scale)
        else:
            score_1GQK = softcap * torch.tanh(query_1GQD @ keys_1GKD.transpose(2, 3) * (scale / softcap))
            score_1GQK = score_1GQK if mask_QK is None else score_1GQK + mask_QK
            out_1GQD = score_1GQK.float().softmax(-1).to(values_1GKD.dtype) @ values_1GKD
        out_1HTD.append(out_1GQD.reshape(1, heads, new, -1))
    return torch.cat(out_1HTD, dim=2).transpose(1, 2).contiguous(), None


def _mask(width: int, keys: int, window: int, stacked: int, like: Tensor) -> Tensor:
    """What to add to the scores of `width` new tokens, the last of `keys`: each sees itself and what precedes it."""
    key_1K = torch.arange(keys, device=like.device)[None]
    query_T1 = torch.arange(keys - width, keys, device=like.device)[:, None]
    seen_TK = key_1K <= query_T1
    if window:
        seen_TK &= query_T1 - key_1K < window
    added_TK = torch.zeros(seen_TK.shape, dtype=like.dtype, device=like.device)
    return added_TK.masked_fill_(~seen_TK, torch.finfo(like.dtype).min).repeat(stacked, 1)
