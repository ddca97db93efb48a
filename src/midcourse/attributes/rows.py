"""Conversations whose answers are rated.

Representation: a `Row` is a conversation, first turn to last. Any assistant turn may carry ratings; an attribute that
nobody rated is not among them. `group` is what a row shares with others about the same prompt, so that they stay on one
side of a split. Plain values: readers make them, and predictor, annotation, training and bootstrapping take them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from midcourse.trace.tree import Message

HUMAN = "human"


class Rating(NamedTuple):
    """A value on an attribute's scale, who gave it (`human`, or a predictor's name), and how sure that one is.

    `deviation` is the standard deviation of the noise on this value, in the attribute's own units; None if unknown.
    """

    value: float
    by: str = HUMAN
    deviation: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said; only an assistant's turn has ratings.

    An assistant's turn that is only `context` is there for what follows: another row counts it, or its file says that
    nothing is to be learnt from it.
    """

    role: str
    content: str
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    context: bool = False

    @property
    def values(self) -> dict[str, float]:
        """The ratings without who gave them."""
        return {name: rating.value for name, rating in self.ratings.items()}

    @property
    def message(self) -> Message:
        """As a chat template takes it."""
        return {"role": self.role, "content": self.content}


class Answer(NamedTuple):
    """One assistant turn of a row in its place: the messages before it, and which turn of the row it is (0-based)."""

    before: list[Message]
    turn: Turn
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """See the module. `id` is unique in a file; `place` is where it was read ("rows.jsonl:3")."""

    turns: tuple[Turn, ...]
    id: str = ""
    group: str = ""
    place: str = ""
    weight: float = 1.0

    @property
    def messages(self) -> list[Message]:
        """The conversation without ratings."""
        return [turn.message for turn in self.turns]

    @property
    def answers(self) -> Iterator[Answer]:
        """Every assistant turn, rated or not, that has something before it and is not only context."""
        for number, turn in enumerate(self.turns):
            if turn.role == "assistant" and number and not turn.context:
                yield Answer([one.message for one in self.turns[:number]], turn, number)

    @property
    def last(self) -> Turn:
        """The turn that ratings of a whole row are about."""
        return self.turns[-1]


def digest(*parts: object) -> str:
    """A short name for content: the same on every machine."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def group_of(turns: tuple[Turn, ...]) -> str:
    """The group of a conversation: what the person said first, but for case and spaces."""
    said = next((turn.content for turn in turns if turn.role == "user"), turns[0].content if turns else "")
    return digest(" ".join(said.casefold().split()))
