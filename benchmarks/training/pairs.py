"""The benchmark's data: traces of random tokens with steers at equal distances, and the same steers as pairs.

Midcourse trains on the traces, TRL on the pairs. A pair's ids are read from the trace itself, so both see exactly the
same contexts and the same two sides.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from midcourse.trace.tree import Run, Trace

PROMPT = 64


class Shape(NamedTuple):
    """`traces` traces of `length` tokens, each with `steers` steers of `side` + `side` tokens."""

    length: int
    steers: int
    traces: int = 1
    side: int = 15
    prompt: int = PROMPT

    @property
    def pairs(self) -> int:
        return self.steers * self.traces


class Pair(NamedTuple):
    """One steer as TRL takes it."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    @property
    def row_tokens(self) -> int:
        """What its two rows hold together."""
        return 2 * len(self.prompt_ids) + len(self.chosen_ids) + len(self.rejected_ids)


def traces(shape: Shape, vocabulary: int) -> list[Trace]:
    """Different traces of the same shape. The last correction ends the trace."""
    return [_trace(shape, vocabulary, seed) for seed in range(shape.traces)]


def _trace(shape: Shape, vocabulary: int, seed: int) -> Trace:
    source = random.Random(seed)
    low = min(100, vocabulary // 8)  # special tokens come first

    def ids(count: int) -> list[int]:
        return [source.randrange(low, vocabulary) for _ in range(count)]

    made = Trace(f"benchmark-{seed}", [], tuple(ids(shape.prompt)), "any", "any")
    answer, end = shape.length - shape.prompt, 0
    assert answer // shape.steers >= shape.side, "the steers do not fit into the trace"
    for number in range(1, shape.steers + 1):
        start, end = end, number * answer // shape.steers
        if gap := end - start - shape.side:
            made.grow(ids(gap), "model")
        at = made.head
        chosen, rejected = ids(shape.side), ids(shape.side)
        rejected[0] = chosen[0] - 1 if chosen[0] > low else low + 1  # a shared beginning would be trimmed
        span = made.branch(at, rejected, "model")
        made.steer(at, chosen, [Run(span.id, made.depth(at), made.depth(at) + shape.side)])
    return made


def pairs(traces: list[Trace]) -> list[Pair]:
    """Every steer of `traces` as a pair, those with the shortest contexts first."""
    found = []
    for trace in traces:
        for steer in trace.steers:
            assert steer.chosen is not None
            (rejected,) = steer.rejected
            found.append(
                Pair(
                    trace.context(steer),
                    trace.run_ids(steer.chosen),
                    trace.run_ids(rejected),
                )
            )
    return sorted(found, key=lambda pair: len(pair.prompt_ids))
