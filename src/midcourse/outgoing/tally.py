"""What went out, what was left out, and what a format cannot say: nothing is lost without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of an export. `left` are steers (or answers) that have no row, `unsaid` what rows do not say of theirs,
    `notes` what a trainer makes of rows; each by its reason, in words that follow a number and a ×."""

    traces: int = 0
    steers: int = 0
    rows: int = 0
    left: Counter[str] = field(default_factory=Counter)
    unsaid: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """What is worth saying."""
        for title, counts in (("left out", self.left), ("not said in it", self.unsaid), ("note", self.notes)):
            for reason, count in (+counts).most_common():
                yield f"{title}: {count:,} × {reason}"
