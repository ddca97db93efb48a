"""What a running training says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. `note` is a message for the person; the numbers are means of the epoch so far, None where unknown.

    `loss` is what the objective measures, or with `per_token` −log p of a token: where all that is trained are answers.
    `held_out` comes with the note after a look at held-out steers: what it came to, by name.
    """

    phase: str
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    per_token: bool = False
    margin: float | None = None
    accuracy: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None
    note: str | None = None
    held_out: Mapping[str, float] | None = None


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report to nobody."""
