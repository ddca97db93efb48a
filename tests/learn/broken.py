"""A trace and models that together give numbers that are not finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from midcourse.learn.packing import steps
from midcourse.models import Loaded
from midcourse.trace.tree import Trace
from tests.learn import sample

BAD = 96  # a token that only one trace has
SETTINGS: dict[str, Any] = {"objective": "sft", "dtype": "float32", "epochs": 2, "batch": 2, "checkpoint_every": 1}


def traces(count: int = 6) -> list[Trace]:
    """So many traces; the third one's second steer is the first to come after a bad token."""
    found = [trace for seed in range(40) if not _has(trace := sample.trace(seed, steers=3), BAD)][:count]
    span = found[2].spans[found[2].steers[0].chosen.span]  # on the way to the second steer, not to the first
    found[2].spans[span.id] = type(span)(span.id, span.parent, span.fork, (*span.ids[:-1], BAD), span.source)
    return found


def places(count: int = 6) -> list[str]:
    """Where the traces are said to come from."""
    return [f"file.jsonl:{line}" for line in range(1, count + 1)]


def seed(step: int, count: int = 6, batch: int = 2) -> int:
    """With which the third of `count` traces comes in that step of the first epoch."""
    return next(s for s in range(99) if 2 in steps(count, batch, seed=s, epoch=0)[step - 1])


def with_infinite_embedding() -> Loaded:
    """The loss is lost."""
    loaded = sample.loaded()
    loaded.model.get_input_embeddings().weight[BAD] = torch.inf
    return loaded


def with_nan_gradient() -> Loaded:
    """The gradient at rows of a bad token is lost half-way down; the loss is as it should be."""
    loaded = sample.loaded()
    decoder: Any = loaded.model.get_decoder()
    seen: dict[str, Tensor] = {}

    def note(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        seen["ids"] = inputs["input_ids"]

    def poison(_: Any, __: Any, output: Any) -> None:
        hidden = output if isinstance(output, Tensor) else output[0]
        bad = (seen["ids"] == BAD)[..., None]
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: gradient.masked_fill(bad, torch.nan))

    decoder.register_forward_pre_hook(note, with_kwargs=True)
    decoder.layers[1].register_forward_hook(poison)
    return loaded


def _has(trace: Trace, token: int) -> bool:
    return token in trace.prompt or any(token in span.ids for span in trace.spans)
