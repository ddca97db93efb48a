"""Replay: at each steer's context, which way does the model go by itself?

Representation: `Fork` is one steer's context and its two sides as ids. The model writes on greedily, a little longer
than the longer side.

The verdict: `chosen` if it begins with the correction, token by token or as text (another way to cut the same text
into tokens is not a mistake). Otherwise `rejected` if it agrees longer with a rejected run than with the correction:
as their first tokens differ, one token decides. Otherwise `other`. A mark has no correction, and its rejected run may
begin well: there only the whole rejected run counts.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from midcourse.engine.choice import Sampling
from midcourse.measure.result import Way
from midcourse.steerers import BatchWriter
from midcourse.trace.prefix import shared
from midcourse.trace.text import Tokenizer, to_bytes
from midcourse.trace.tree import Trace

BEYOND = 4  # tokens written past the longer side, to see where it is going


class Fork(NamedTuple):
    """One steer to stand at again; `trace` and `steer` are 0-based places in what is measured."""

    trace: int
    steer: int
    context: list[int]
    chosen: list[int] | None
    rejected: list[list[int]]

    @property
    def length(self) -> int:
        """How many tokens to write."""
        return max(len(side) for side in ([self.chosen] if self.chosen else []) + self.rejected) + BEYOND


def forks(traces: Sequence[Trace], at_most: int, seed: int) -> list[Fork]:
    """The steers of `traces` that are not set aside, in order, or `at_most` of them drawn with `seed`."""
    places = [(number, steer) for number, trace in enumerate(traces) for steer in trace.steers if not steer.aside]
    if len(places) > at_most:
        drawn = random.Random(seed).sample(range(len(places)), at_most)
        places = [places[index] for index in sorted(drawn)]
    return [
        Fork(
            number,
            steer.id,
            traces[number].context(steer),
            traces[number].run_ids(steer.chosen) if steer.chosen else None,
            [traces[number].run_ids(run) for run in steer.rejected],
        )
        for number, steer in places
    ]


def replay(engine: BatchWriter, standing: Sequence[Fork]) -> list[list[int]]:
    """What the model writes greedily at each fork, parallel to `standing`.

    All answers' first forks are one batch, then all second ones, and so on: an engine that keeps what it has read of
    each answer reads on from there.
    """
    waves: dict[int, list[int]] = defaultdict(list)
    met: dict[int, int] = defaultdict(int)
    for index in sorted(range(len(standing)), key=lambda index: len(standing[index].context)):
        waves[met[standing[index].trace]].append(index)
        met[standing[index].trace] += 1
    written: list[list[int]] = [[] for _ in standing]
    for wave in waves.values():
        made = engine.batch(
            [standing[index].context for index in wave],
            Sampling(),
            max_tokens=[standing[index].length for index in wave],
        )
        for index, text in zip(wave, made, strict=True):
            written[index] = list(text.ids)
    return written


def way(tok: Tokenizer, fork: Fork, wrote: Sequence[int]) -> Way:
    """Which way `wrote` goes; see the module."""
    if fork.chosen is not None and _begins(tok, wrote, fork.chosen):
        return "chosen"
    right = shared(wrote, fork.chosen or [])
    wrong = max((shared(wrote, side) for side in fork.rejected), default=0)
    if fork.chosen is None:
        return "rejected" if any(_begins(tok, wrote, side) for side in fork.rejected) else "other"
    return "rejected" if wrong > right else "other"


def _begins(tok: Tokenizer, wrote: Sequence[int], side: Sequence[int]) -> bool:
    """Whether `wrote` begins with `side`, in ids or in bytes; an end in `side` has to be an end in `wrote`."""
    if list(wrote[: len(side)]) == list(side):
        return True
    ends = side[-1] in tok.end_ids
    said, wanted = to_bytes(tok, wrote), to_bytes(tok, side)
    if any(not tok.token_bytes(token) for token in side[: len(side) - ends]) or not wanted:
        return False  # special tokens have no text to compare
    if ends:
        return bool(wrote) and wrote[-1] in tok.end_ids and said == wanted
    return said.startswith(wanted)
