"""Which rows are held out: whole groups, decided by what is in them and a seed.

Rows of one prompt never stand on both sides. Neither the order of the rows nor what else a file says changes a group's
turn; another seed does, and so do other prompts only at the border.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from midcourse.attributes.rows import Row, digest
from midcourse.errors import UserError
from midcourse.words import counted


class Placed(Protocol):
    """A row or an answer: which prompt it belongs to, and where it stands."""

    @property
    def group(self) -> str:
        """What all answers to one prompt share."""

    @property
    def place(self) -> str:
        """File and line."""


def apart(trained: Iterable[Placed], held: Iterable[Placed]) -> None:
    """Raises `UserError` where something that is held out is of a prompt that is trained on."""
    known = {one.group for one in trained}
    if shared := [one.place or one.group for one in held if one.group in known]:
        raise UserError(
            f"{counted(len(shared), 'held-out answer is', 'held-out answers are')} to prompts that are trained on, "
            f"such as {shared[0]}: hold out "
            "others (`attributes convert --held-out` divides a file by prompt)"
        )


def split(rows: Sequence[Row], share: float, seed: int = 0) -> tuple[list[Row], list[Row]]:
    """`rows` to train on, and those to hold out: about `share` of all, both in their order and neither empty.

    Raises `UserError` where there are less than two groups.
    """
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.group] = sizes.get(row.group, 0) + 1
    held = held_out(sizes, share, seed)
    return [row for row in rows if row.group not in held], [row for row in rows if row.group in held]


def held_out(sizes: Mapping[str, int], share: float, seed: int = 0) -> set[str]:
    """The groups that are held out, of all groups with their numbers of rows; see `split`."""
    if not 0 < share < 1:
        raise UserError(f"{share:g} is no share of the rows; give one between 0 and 1")
    if len(sizes) < 2:
        raise UserError(
            f"there are rows of {len(sizes)} prompt{'' if len(sizes) == 1 else 's'}, and at least two are needed to "
            "hold one out"
        )
    held: set[str] = set()
    room = max(1, round(share * sum(sizes.values())))
    turns = sorted(sizes, key=lambda group: digest(seed, group))
    for group in turns:
        if sizes[group] <= room and len(held) < len(sizes) - 1:
            held.add(group)
            room -= sizes[group]
    return held or {min(turns, key=lambda group: sizes[group])}  # each is larger than the share
