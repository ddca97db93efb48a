"""A wish to end a run early, which the loop fulfils after the step that it is at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stop:
    """Set `asked` from anywhere (a signal, another thread). While `heard`, there is a loop that looks at it."""

    asked: bool = False
    heard: bool = False
