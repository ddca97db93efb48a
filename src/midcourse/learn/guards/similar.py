"""Pairs that are nearly identical, which preference losses push down on both sides.

Where a correction and what it replaces share most of their tokens, lowering the one lowers the other (likelihood
displacement: arXiv 2402.13228, 2410.08847). What they share at their *beginning* never counts: a steer's runs are
trimmed when it is made. What they share at their *end* was no mistake either. `trimmed` can leave it out, of
the rejected side alone or of both. What is nearly the same then is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from midcourse.learn.items import Example, Segment
from midcourse.words import counted, listed

SHARE = 5  # near: at most one token in so many differs


class Near(NamedTuple):
    """A steer that differs from its rejected run `which` in `edits` of `tokens` (the longer side's)."""

    example: Example
    steer: int
    which: int
    edits: int
    tokens: int

    def __str__(self) -> str:
        return f"{self.example.name}, steer {self.steer} ({self.edits} of {self.tokens} tokens)"


def trimmed(examples: Sequence[Example], *, both: bool = False) -> tuple[list[Example], int]:
    """`examples` whose rejected runs lack the end that they share with the correction, and how many runs were cut.

    With `both` the correction lacks it, too: as much as it shares with all of its rejected runs. At least one token
    of each run stays.
    """
    found, cut = [], 0
    for example in examples:
        shared: dict[int, int] = {}
        for chosen, one in pairs(example):
            shared[id(one)] = end = _shared_end(example, chosen, one)
            if both:
                shared[id(chosen)] = min(end, len(chosen) - 1, shared.get(id(chosen), end))
        segments = tuple(one.first(len(one) - shared.get(id(one), 0)) for one in example.segments)
        cut += sum(one is not two for one, two in zip(segments, example.segments, strict=True))
        found.append(replace(example, segments=segments))
    return found, cut


def near(examples: Sequence[Example]) -> list[Near]:
    """The steers whose two sides differ in at most one token in `SHARE` (insertions, deletions, replacements)."""
    found = []
    for example in examples:
        for chosen, rejected in pairs(example):
            one, two = ids(example, chosen), ids(example, rejected)
            longer = max(len(one), len(two))
            if (edits := distance(one, two, longer // SHARE)) is not None:
                assert rejected.steer is not None
                found.append(Near(example, rejected.steer, rejected.which, edits, longer))
    return found


def notice(found: Sequence[Near], steers: int) -> str:
    """What to tell of nearly identical steers among `steers`, the nearest first."""
    nearest = sorted(found, key=lambda one: one.edits / one.tokens)
    return (
        f"nearly identical sides in {len(found)} of {counted(steers, 'steer')}: a preference loss can push both down "
        f"(dpop, or sft beside it, holds the correction up): {listed(nearest)}"
    )


def pairs(example: Example) -> Iterator[tuple[Segment, Segment]]:
    """The correction and each rejected run of every steer that has both."""
    chosen = {segment.steer: segment for segment in example.segments if segment.side == "chosen"}
    for segment in example.segments:
        if segment.side == "rejected" and segment.steer in chosen:
            yield chosen[segment.steer], segment


def ids(example: Example, segment: Segment) -> list[int]:
    """The tokens of a segment."""
    return [token for part in segment.slices for token in example.trace.spans[part.span].ids[part.start : part.stop]]


def distance(one: Sequence[int], two: Sequence[int], limit: int) -> int | None:
    """The edit distance (Levenshtein) if it is at most `limit`, otherwise None. O(limit × length)."""
    if abs(len(one) - len(two)) > limit:
        return None
    far = limit + 1
    row = {column: column for column in range(min(len(two), limit) + 1)}  # what is not in it is far
    for place, token in enumerate(one, 1):
        before, row = row, {}
        for column in range(max(0, place - limit), min(len(two), place + limit) + 1):
            best = before.get(column, far) + 1
            if column:
                best = min(best, row.get(column - 1, far) + 1, before.get(column - 1, far) + (token != two[column - 1]))
            row[column] = best
    found = row.get(len(two), far)
    return found if found <= limit else None


def _shared_end(example: Example, chosen: Segment, rejected: Segment) -> int:
    one, two = ids(example, chosen), ids(example, rejected)
    shared = 0
    while shared < min(len(one), len(two) - 1) and one[-1 - shared] == two[-1 - shared]:
        shared += 1
    return shared
