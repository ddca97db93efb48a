"""What waits for its turn at the desk."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Gone(Exception):
    """What was asked for was cancelled, or the desk is closing."""


class Turn(Generic[T]):
    """What somebody wants computed, a part in each turn; when `done`, either `gone` or an `error` or a `result`."""

    def __init__(self, steps: Generator[None, None, T], cancel: threading.Event | None) -> None:
        self.steps = steps
        self.cancel = cancel
        self.done = threading.Event()
        self.late = False  # whoever waited for it has given up
        self.gone = False
        self.result: T | None = None
        self.error: BaseException | None = None

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        return self.late or (self.cancel is not None and self.cancel.is_set())

    def drop(self) -> None:
        """Let whoever waits for it know that it will not be computed."""
        self.steps.close()
        self.gone = True
        self.done.set()
