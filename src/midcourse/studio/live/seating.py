"""What live traces need of whoever has the model: the desk (`engine/desk.py`), or an engine somewhere else that answers
share (`engine/served.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from midcourse.attributes.conditioning import Conditioning
from midcourse.engine.contract import Alternative, Reuse, Writer
from midcourse.engine.openai.engine import Conversations
from midcourse.trace import Message
from midcourse.trace.text import Tokenizer


class Seat(Writer, Protocol):
    """Where one answer is written. `reading` hears when the model begins to read."""

    reading: Callable[[Reuse], object]

    @property
    def top(self) -> int | None:
        """How many alternatives there can be; None: as many as the vocabulary has tokens."""

    def alternatives(self, ids: Sequence[int], top: int) -> tuple[Alternative, ...]:
        """The likeliest tokens after `ids`; what was read beyond them stays where it can."""
        ...

    def prepare(self, ids: Sequence[int]) -> None:
        """Begin to read what will be gone on from in a moment."""
        ...

    def expect(self, ids: Sequence[int] | None) -> None:
        """Read ahead what may be gone on from soon, when nobody has anything else to do; None: nothing any more."""
        ...

    def inherit(self, other: Any) -> None:
        """Take over what another seat has read, which goes on with nothing."""
        ...


class Seating(Protocol):
    """Where seats are had."""

    @property
    def tokenizer(self) -> Tokenizer:
        """In whose ids it reads and writes."""

    @property
    def model_name(self) -> str:
        """The model's name, as traces keep it."""

    def seat(self) -> Seat:
        """A place to write at."""
        ...

    def leave(self, seat: Any) -> None:
        """Give a seat back."""
        ...


def told(tok: Tokenizer) -> Conditioning | None:
    """How the model that writes is told attributes, if it has learned to be."""
    found: Conditioning | None = getattr(tok, "conditioning", None)
    return found


def remember(tok: Tokenizer, messages: Sequence[Message]) -> None:
    """An endpoint that is sent conversations, not ids, has to know this one."""
    if isinstance(tok, Conversations):
        tok.prompt(messages)
