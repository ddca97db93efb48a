"""Traces to store."""

from __future__ import annotations

from collections.abc import Sequence

from midcourse.trace.tree import Run, Trace
from tests.store.strategies import END

LETTERS = "abcdefghijklmnopqrstuvwxyz éß好"


def make(id: str, steers: int = 2, **fields: object) -> Trace:
    """A trace with some steers; the model went wrong two tokens before each."""
    trace = Trace(id, [{"role": "user", "content": f"Say {id}"}], (1, 2), "m", "t", frozenset({END}))
    for number in range(steers):
        trace.grow([10, 11, 12 + number % 10], "model", [-0.5, -1.0, -0.1])
        depth = trace.depth(trace.head)
        run = Run(trace.head.span or 0, depth - 2, depth)
        trace.steer(trace.at(trace.head, depth - 2), [20, 21], [run], author="ada", tags=("t",))
    trace.grow([30], "model")
    for name, value in fields.items():
        setattr(trace, name, value)
    return trace


def spell(text: str) -> list[int]:
    """Ids that `read` turns into `text`."""
    return [LETTERS.index(letter) for letter in text]


def read(ids: Sequence[int]) -> str:
    """A tokenizer of one letter a token; ids that it does not know are damaged characters."""
    return "".join(LETTERS[token] if token < len(LETTERS) else "\ufffd" for token in ids)
