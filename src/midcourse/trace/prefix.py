"""What sequences of tokens have in common at their beginning."""

from __future__ import annotations

from collections.abc import Sequence


def shared(*sides: Sequence[int]) -> int:
    """How many tokens all sides begin with alike. Mostly that is nearly all, so whole slices are compared first."""
    first, *others = map(list, sides)
    shortest = min(map(len, sides))
    count, step = 0, 2 << shortest.bit_length()
    while step := step // 2:
        more = min(count + step, shortest)
        if all(other[count:more] == first[count:more] for other in others):
            count = more
    return count
