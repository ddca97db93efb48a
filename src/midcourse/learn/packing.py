"""Which traces make an optimizer step, and how a step is cut into packs that fit.

A step is a fixed number of traces, whatever their size; its packs are what goes through the model at once. The order of
an epoch depends on the seed and the epoch alone, so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from midcourse.learn.compute import rows
from midcourse.learn.cutting import cut
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build

OPEN = 16  # packs that may still get something; more fill hardly better, and all of them would be looked at each time


def steps(count: int, size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """The numbers 0 to `count` in a shuffled order, `size` at a time, the last step with what is left."""
    order = list(range(count))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, count, size)]


def packs(examples: Sequence[Example], max_tokens: int, *, by_rows: bool = False) -> list[Layout]:
    """`examples` as layouts of at most `max_tokens` tokens each, what is larger cut into pieces (cutting.py).

    Only a steer that is too large by itself makes a larger one. `by_rows` counts tokens as they are fed row by row,
    where nothing is shared.
    """
    pieces = [piece for example in examples for piece in cut(example, max_tokens, by_rows=by_rows)]
    return fill(pieces, max_tokens, by_rows=by_rows)


def fill(pieces: Iterable[Example], max_tokens: int, *, by_rows: bool = False) -> list[Layout]:
    """`packs` of what has been cut already.

    First fit: a piece goes into the first of the last `OPEN` packs with room for those of its tokens that it does not
    share with what is there. Within a pack pieces keep their order.
    """
    found: list[_Pack] = []
    for piece in pieces:
        layout = build([piece])
        paths = set() if by_rows else _paths(layout)
        size = rows.size(layout) if by_rows else len(layout)
        for pack in found[-OPEN:]:
            more = size if by_rows or pack.size + size <= max_tokens else len(paths - pack.paths)
            if pack.size + more <= max_tokens:
                break
        else:
            found.append(pack := _Pack([], set(), 0))
        pack.examples.append(piece)
        pack.paths |= paths
        pack.size = pack.size + size if by_rows else len(pack.paths)
    return [build(pack.examples) for pack in found]


@dataclass(slots=True)
class _Pack:
    """Examples that go together, the digests of all paths in them, and the tokens that they cost."""

    examples: list[Example]
    paths: set[int]
    size: int


def _paths(layout: Layout) -> set[int]:
    """A digest of the ids up to each row: equal where two layouts share a beginning."""
    digests: list[int] = []
    for token, above in zip(layout.token_N, layout.parent_N, strict=True):
        digests.append(hash((digests[above] if above >= 0 else 0, token)))
    return set(digests)
