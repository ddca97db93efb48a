"""Layers that run another way for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any


@contextmanager
def instead(layers: Sequence[Any], forward: Callable[..., Any]) -> Iterator[None]:
    """Inside, each of `layers` computes `forward(layer, …)` instead of its own forward pass."""
    for layer in layers:
        layer.forward = partial(forward, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
