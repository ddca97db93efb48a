"""Tiny random models of many architectures, made in milliseconds: the same maths as their big relatives.

Which ones and how they are configured stands in `tests/architectures.py`.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from tests import architectures
from tests.architectures import CONTEXT, SHAPE, VOCAB, WINDOW

__all__ = ["ATTENTION", "CONTEXT", "MODELS", "RECURRENT", "SHAPE", "VOCAB", "WINDOW", "ids", "model"]

ATTENTION = ("llama", "qwen3", "mistral", "gemma3", "gpt2", "phi3")  # a mask can isolate their tokens
RECURRENT = ("mamba", "jamba")  # a mask cannot
MODELS = (*ATTENTION, *RECURRENT)  # the few that everything is tested with


def model(
    name: str,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    attention: str = "sdpa",
    vocabulary: int = VOCAB,
) -> PreTrainedModel:
    """A model of the architecture `name` in eval mode; the same seed gives the same weights."""
    kind = architectures.ALL[name]
    config: Any = getattr(transformers, kind.config)(**(kind.options | {"vocab_size": vocabulary}))
    if dtype == torch.float64 and hasattr(config, "_experts_implementation"):
        config._experts_implementation = "eager"  # grouped products know no float64
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: PreTrainedModel = getattr(transformers, kind.model)(config)
    if name in ATTENTION:
        made.set_attn_implementation(attention)
    return made.to(dtype).eval()


def ids(length: int, *, seed: int = 0) -> list[int]:
    """Random token ids without the special ones (0, 1, 2)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCAB, (length,), generator=generator).tolist()
