"""Random but sound traces over the vocabulary of the tiny models, and tiny models as `Loaded`."""

from __future__ import annotations

import random
from typing import Any

import torch

from midcourse.models import Loaded
from midcourse.trace.tree import Run, Trace, problems
from tests import tiny

END = 2
SHARED = (11, 12, 13)  # every prompt begins so, as a system prompt would


def trace(
    seed: int,
    *,
    steers: int = 4,
    sides: int = 1,
    length: int = 5,
    prompt: int = 4,
    weight: float = 1.0,
    finished: bool = True,
) -> Trace:
    """A trace with `steers` steers of about `length` tokens a side, `sides` rejected runs each, ended by the model."""
    source = random.Random(seed)

    def ids(low: int, high: int) -> list[int]:
        return [source.randrange(3, tiny.VOCAB) for _ in range(source.randint(low, high))]

    made = Trace(f"t{seed}", [], (*SHARED, *ids(prompt, prompt)), "tiny", "none", end_ids=frozenset({END}))
    for _ in range(steers):
        made.grow(ids(2, 5), "model")
        at = made.head
        runs, first = [], 3
        for _ in range(sides):
            first += 1  # sides must not begin alike
            span = made.branch(at, [first, *ids(length - 2, length)], "model")
            runs.append(Run(span.id, made.depth(at), made.depth(made.end_of(span.id))))
        made.steer(at, [first + 1, *ids(length - 2, length)], runs, weight=weight)
    made.grow([*ids(2, 4), END], "model")
    made.finished = finished
    assert not problems(made), problems(made)
    return made


def traces(count: int = 3, **options: int) -> list[Trace]:
    """Several different traces that share the beginning of their prompts."""
    return [trace(seed, **options) for seed in range(count)]


class _Tokenizer:
    """Saving and a fingerprint are all that training asks of a tokenizer."""

    fingerprint = "0123456789abcdef"
    conditioning = None

    class tokenizer:  # noqa: N801
        save_pretrained = staticmethod(print)


def loaded(name: str = "llama", *, dtype: torch.dtype = torch.float32, seed: int = 0) -> Loaded:
    """A tiny model as `models.load` would give it."""
    model: Any = tiny.model(name, dtype=dtype, seed=seed)
    model.name_or_path = "tiny"
    model.requires_grad_(False)
    tokenizer: Any = _Tokenizer
    return Loaded(model, tokenizer, "tiny", None, dtype, torch.device("cpu"), "sdpa", tiny.CONTEXT)
