"""Which rows are held out: whole groups, decided by what is in them and a seed.

Rows of one prompt never stand on both sides. Neither the order of the rows nor what else a file says changes a group's
turn; another seed does, and so do other prompts only at the border.
"""

from __future__ import annotations

from collections.abc import Sequence

from midcourse.attributes.rows import Row, digest
from midcourse.errors import UserError


def split(rows: Sequence[Row], share: float, seed: int = 0) -> tuple[list[Row], list[Row]]:
    """`rows` to train on, and those to hold out: about `share` of all, both in their order and neither empty.

    Raises `UserError` where there are less than two groups.
    """
    assert 0 < share < 1, share
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.group] = sizes.get(row.group, 0) + 1
    if len(sizes) < 2:
        raise UserError(
            f"there are rows of {len(sizes)} prompt{'' if len(sizes) == 1 else 's'}, and at least two are needed to "
            "hold one out"
        )
    held: set[str] = set()
    room = max(1, round(share * len(rows)))
    turns = sorted(sizes, key=lambda group: digest(seed, group))
    for group in turns:
        if sizes[group] <= room and len(held) < len(sizes) - 1:
            held.add(group)
            room -= sizes[group]
    held = held or {min(turns, key=lambda group: sizes[group])}  # each is larger than the share
    return [row for row in rows if row.group not in held], [row for row in rows if row.group in held]
