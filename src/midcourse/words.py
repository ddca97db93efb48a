"""Numbers and lists as messages say them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 steer`, `1,200 steers`. `many` is said of several where that is not `one` with an s: `2 matrices are`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(things: Sequence[object], shown: int = 5) -> str:
    """The first `shown` of `things`, and how many more there are."""
    rest = f"; and {len(things) - shown} more" if len(things) > shown else ""
    return "; ".join(map(str, things[:shown])) + rest
