"""What waits for its turn at the desk.

A turn's generator runs on the desk's thread. It yields a `Part`, which is what it wants read, or None where it has
computed something itself; either way somebody else may be served before it goes on.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, NamedTuple, TypeVar

from midcourse.engine.context import Context

T = TypeVar("T")
Around = Callable[[], AbstractContextManager[Any]]
Steps = Generator["Part | None", None, T]


class Gone(Exception):
    """What was asked for was cancelled, or the desk is closing."""


class Mixed(ABC):
    """An `Around` whose turns can share a pass with those of others, each switched on for its own part of the row."""

    @abstractmethod
    def __call__(self) -> AbstractContextManager[Any]:
        """Around a pass that is for its turns alone."""

    @abstractmethod
    def joins(self, other: Around | None) -> bool:
        """Whether a pass can serve turns of `other`, too."""

    @abstractmethod
    def together(self, parts: Sequence[tuple[Around, int]]) -> AbstractContextManager[Any]:
        """Around a pass whose row has a part of so many tokens for each of these, in this order."""


def joined(one: Around | None, other: Around | None) -> bool:
    """Whether turns with these around them can be served in one pass."""
    return one is other or (isinstance(one, Mixed) and one.joins(other))


def within(around: Around | None) -> AbstractContextManager[Any]:
    """What is to be around a turn."""
    return nullcontext() if around is None else around()


def within_all(parts: Sequence[tuple[Around | None, int]]) -> AbstractContextManager[Any]:
    """What is to be around a pass for turns that are `joined`: what is around each, and how many tokens it gets."""
    first = parts[0][0]
    if all(around is first for around, _ in parts):
        return within(first)
    assert isinstance(first, Mixed)
    return first.together([(around, width) for around, width in parts if around is not None])


class Part(NamedTuple):
    """The next tokens of `ids`, for which `context.begin` was called, as many as one turn takes, within `around`.

    What is `beside` it is wanted as well: in the same turn, where one pass of the model serves both.
    """

    context: Context
    ids: Sequence[int]
    around: Around | None
    beside: Part | None = None

    @property
    def both(self) -> list[Part]:
        """It, and what is beside it."""
        return [self] if self.beside is None else [self, self.beside]

    @property
    def tail(self) -> Sequence[int]:
        """What is missing."""
        return self.ids[len(self.context.ids) :]

    @property
    def follows(self) -> bool:
        """Whether what was read, if anything, is still there, and is the beginning of what is wanted."""
        context, held = self.context, self.context.ids
        there = context.cache is not None and not context.stale
        return there and len(held) < len(self.ids) and held == list(self.ids[: len(held)])


class Turn(Generic[T]):
    """What somebody wants computed, a part in each turn; when `done`, either `gone` or an `error` or a `result`."""

    def __init__(self, steps: Steps[T], cancel: threading.Event | None, *, idle: bool = False) -> None:
        self.steps = steps
        self.idle = idle  # it comes only when nobody else wants anything
        self.part: Part | None = None  # what it waits for
        self.begun = False
        self.failed: Exception | None = None  # why that could not be read
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
