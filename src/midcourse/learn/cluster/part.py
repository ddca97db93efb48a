"""What one process found in its part of an optimizer step, for the others to hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.tally import Tally


@dataclass(slots=True)
class Part:
    """Counts, corrections by (trace, steer) with their values, and what was not finite.

    `what` is "loss" or "gradient", of the packs that `examples` were in; `asked` says that this process is to stop.
    """

    tally: Tally = field(default_factory=Tally)
    tokens: int = 0
    corrections: list[tuple[tuple[int, int], float]] = field(default_factory=list)
    what: str | None = None
    examples: list[Example] = field(default_factory=list)
    asked: bool = False

    def wrong(self, what: str, layouts: Sequence[Layout]) -> None:
        """Note the first thing that is not finite."""
        if self.what is None:
            self.what = what
            self.examples = [example for layout in layouts for example in layout.examples]
