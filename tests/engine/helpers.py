"""Tiny models as the engine takes them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from midcourse.engine.hf import TransformersEngine
from midcourse.models import UNBOUNDED, Loaded
from tests import tiny

END = 2


def loaded(name: str, *, ends: frozenset[int] = frozenset({END}), attention: str = "sdpa", **options: Any) -> Loaded:
    model = tiny.model(name, attention=attention, **options)
    length = getattr(model.config, "max_position_embeddings", None) or UNBOUNDED
    tokenizer: Any = SimpleNamespace(end_ids=ends, conditioning=None)
    return Loaded(model, tokenizer, name, None, torch.float32, torch.device("cpu"), attention, length)


def engine(name: str, **options: Any) -> TransformersEngine:
    return TransformersEngine(loaded(name, **options))


def whole(engine: TransformersEngine, ids: list[int]) -> torch.Tensor:
    """Log-probabilities after `ids`, by one pass without a cache."""
    with torch.inference_mode():
        return engine.loaded.model(torch.tensor([ids]), use_cache=False).logits[0, -1].log_softmax(-1)


def cached(engine: TransformersEngine, ids: list[int]) -> torch.Tensor:
    """Log-probabilities after `ids`, by whatever the cache holds."""
    top = engine.next(ids, top=tiny.VOCAB).top
    found = torch.empty(tiny.VOCAB)
    for token, logprob in top:
        found[token] = logprob
    return found
