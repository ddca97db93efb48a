"""Which answers are rated together: those of about one length, from a window of rows.

A window holds so many rows of the stream, its answers sorted by their length in characters (a predictor need not have
tokens) and cut into batches. Only a window is held at a time, and what is in a batch depends on the rows alone: not on
how many processes there are, nor on where a run was stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Literal, NamedTuple, TypeVar

from midcourse.attributes.predictors.predictor import Conversation
from midcourse.attributes.rows import Row

ROWS = 1024  # in a window
ANSWERS = 128  # in a batch at most
CHARACTERS = 32_768  # in a batch at most, each answer taken as long as the longest in it; or one answer

Turns = Literal["all", "last"]
Source = TypeVar("Source")


class Task(NamedTuple):
    """An answer to be rated: `row` of its window, `turn` of that row (both 0-based), and the conversation up to it."""

    row: int
    turn: int
    conversation: Conversation

    @property
    def cost(self) -> int:
        """Its length in characters."""
        return sum(len(message["content"]) for message in self.conversation)


@dataclass(frozen=True, slots=True)
class Batch:
    """Answers that are rated together. `number` counts the batches of all windows."""

    number: int
    tasks: tuple[Task, ...]

    @property
    def cost(self) -> int:
        """What it takes to rate them: characters, with padding."""
        return max(task.cost for task in self.tasks) * len(self.tasks)

    @property
    def digest(self) -> str:
        """A short name of the texts in it."""
        found = hashlib.blake2b(digest_size=8)
        for task in self.tasks:
            for message in task.conversation:
                found.update(f"{len(message['content'])} {message['role']} {message['content']}".encode())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Window(Generic[Source]):
    """Rows that follow each other, with what they came from (parallel), and all of their answers, in batches."""

    rows: tuple[Row, ...]
    sources: tuple[Source, ...]
    batches: tuple[Batch, ...]


def windows(rows: Iterable[tuple[Row, Source]], turns: Turns) -> Iterator[Window[Source]]:
    """The rows in windows. `turns` says whether all answers of a conversation are rated, or its last."""
    number, stream = 0, iter(rows)
    while some := tuple(islice(stream, ROWS)):
        tasks = [task for place, (row, _) in enumerate(some) for task in _tasks(row, place, turns)]
        tasks.sort(key=lambda task: task.cost)  # those of one length stay in order
        cut = tuple(Batch(number + place, part) for place, part in enumerate(_cut(tasks)))
        number += len(cut)
        yield Window(tuple(row for row, _ in some), tuple(source for _, source in some), cut)


def _tasks(row: Row, place: int, turns: Turns) -> list[Task]:
    tasks = [Task(place, one.number, [*one.before, one.turn.message]) for one in row.answers]
    return tasks if turns == "all" else tasks[-1:]


def _cut(tasks: list[Task]) -> Iterator[tuple[Task, ...]]:
    """The tasks, shortest first, in batches."""
    first = 0
    for place, task in enumerate(tasks):
        count = place - first
        if count == ANSWERS or (count and task.cost * (count + 1) > CHARACTERS):
            yield tuple(tasks[first:place])
            first = place
    if tasks:
        yield tuple(tasks[first:])
