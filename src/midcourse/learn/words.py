"""Numbers and lists as messages say them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """`1 steer`, `1,200 steers`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(things: Sequence[object], shown: int = 5) -> str:
    """The first `shown` of `things`, and how many more there are."""
    rest = f"; and {len(things) - shown} more" if len(things) > shown else ""
    return "; ".join(map(str, things[:shown])) + rest
