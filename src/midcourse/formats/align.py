"""Where two versions of a text differ, in tokens: the changes that turn one into the other.

The longest common subsequence says which tokens were kept. It is found a row of bits at a time (Hyyrö, "Bit-parallel
LCS-length computation revisited", 2004, with Python's long integers as rows), so that two texts of 10,000 tokens take
well under a second whatever they are. Texts that are too long for all rows to be kept are halved first (Hirschberg, "A
linear space algorithm for computing maximal common subsequences", 1975).

What is kept by accident, a comma in the middle of a sentence that was rewritten, is no on-track token: where too few of
them stand between two changes, those are one change. A change begins where the two versions first part, for that is
where a model that writes the old one has to be stopped: "very very good" → "very good" changes after the first "very".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

_BITS = 1 << 30  # of rows that are kept at once: 128 MB


class Change(NamedTuple):
    """`old[start:stop]` became `new[new_start:new_stop]`. One of the two may be empty."""

    start: int
    stop: int
    new_start: int
    new_stop: int


def changes(old: Sequence[int], new: Sequence[int]) -> list[Change]:
    """What turns `old` into `new`, in order."""
    found: list[Change] = []
    at = new_at = 0
    for start, new_start in [*_kept(old, new), (len(old), len(new))]:
        if (start, new_start) != (at, new_at):
            found.append(Change(at, start, new_at, new_start))
        at, new_at = start + 1, new_start + 1
    return _parted(found, old, new)


def joined(found: Sequence[Change], gap: int) -> list[Change]:
    """The changes, those with fewer than `gap` kept tokens between them put together."""
    made: list[Change] = []
    for change in found:
        if made and change.start - made[-1].stop < gap:
            made[-1] = Change(made[-1].start, change.stop, made[-1].new_start, change.new_stop)
        else:
            made.append(change)
    return made


def unchanged(old: Sequence[int], found: Sequence[Change]) -> int:
    """How many tokens of `old` the changes leave as they are."""
    return len(old) - sum(change.stop - change.start for change in found)


def _parted(found: list[Change], old: Sequence[int], new: Sequence[int]) -> list[Change]:
    """The changes, each moved on to where the versions part. One that reaches the next one is joined to it."""
    moved: list[Change] = []
    following = iter([*pairwise(found), *((last, None) for last in found[-1:])])
    before: Change | None = None
    for change, after in following:
        start, stop, new_start, new_stop = change
        if before is not None:
            start, new_start, before = before.start, before.new_start, None
        limit = after.start if after else len(old)
        while start < limit and new_start < len(new) and old[start] == new[new_start]:
            if stop == start or new_stop == new_start:
                if stop == limit:
                    break
                stop, new_stop = stop + 1, new_stop + 1
            start, new_start = start + 1, new_start + 1
        if after is not None and stop == limit:
            before = Change(start, stop, new_start, new_stop)
        else:
            moved.append(Change(start, stop, new_start, new_stop))
    return moved


# ---- what was kept ---------------------------------------------------------------------------------------------------


def _kept(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """The places (in `old`, in `new`) of a longest common subsequence, in order."""
    first = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - first
    pairs = zip(reversed(old), reversed(new), strict=False)
    last = next((n for n, (a, b) in enumerate(pairs) if a != b or n == rest), rest)
    found = [(place, place) for place in range(first)]
    found += [
        (first + place, first + new_place)
        for place, new_place in _common(old[first : len(old) - last], new[first : len(new) - last])
    ]
    return found + [(len(old) - place, len(new) - place) for place in range(last, 0, -1)]


def _common(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    if not old or not new:
        return []
    if len(old) * len(new) > _BITS and len(new) > 1:
        middle = len(new) // 2
        left = _lengths(old, new[:middle])
        right = _lengths(old[::-1], new[middle:][::-1])
        cut = max(range(len(old) + 1), key=lambda place: left[place] + right[len(old) - place])
        after = _kept(old[cut:], new[middle:])
        return _kept(old[:cut], new[:middle]) + [(cut + place, middle + new_place) for place, new_place in after]
    rows = list(_rows(old, new))
    found = []
    place, new_place = len(old), len(new)
    while place and new_place:
        bit = 1 << (place - 1)
        if rows[new_place] & bit:
            place -= 1
        elif rows[new_place - 1] & bit:
            place, new_place = place - 1, new_place - 1
            found.append((place, new_place))
        else:
            new_place -= 1
    return found[::-1]


def _rows(old: Sequence[int], new: Sequence[int]) -> Iterator[int]:
    """Row `n`: bit `i` is 0 where the common subsequence of `old[:i + 1]` and `new[:n]` is longer than of `old[:i]`."""
    places: dict[int, int] = {}
    for place, token in enumerate(old):
        places[token] = places.get(token, 0) | 1 << place
    everything = (1 << len(old)) - 1
    row = everything
    yield row
    for token in new:
        if found := row & places.get(token, 0):
            row = ((row + found) | (row - found)) & everything
        yield row


def _lengths(old: Sequence[int], new: Sequence[int]) -> list[int]:
    """How long the common subsequence of `old[:i]` and `new` is, for each i."""
    (row,) = deque(_rows(old, new), 1)  # to keep them all would take what halving saves
    lengths = [0]
    for place in range(len(old)):
        lengths.append(lengths[-1] + (not row >> place & 1))
    return lengths
