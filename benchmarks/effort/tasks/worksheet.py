"""A long procedure with easy mistakes in the middle: a list of rooms becomes a cleaner's sheet for the day.

    Start at 11
    1. study, carpet
    2. lounge, wood
    3. porch, stone
    …

    Start at 11
    1. study, carpet: vacuum from 11 to 12
    2. lounge, wood: mop from 12 to 13
    Lunch from 13 to 14
    3. porch, stone: mop from 14 to 15
    …
    Done at 19

The prompt shows an afternoon without carpet, so the model has the form right, and can count the hours. What it cannot
know is the house rule: a carpet is vacuumed, and at 13 there is lunch. Each mistake is a word or two in a long answer;
without lunch every hour after it is wrong as well. Splits share no room; the rule is the same in all of them.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from benchmarks.effort.tasks.reader import Reader, follows
from benchmarks.effort.tasks.task import Grade, Prompt, Split

from midcourse.steerers import Steerer
from midcourse.trace import Message
from midcourse.trace.text import Tokenizer

ROOMS = 7  # an hour each
STARTS = (10, 11)
CARPETS = (2, 3)  # of the rooms, at least and at most
LUNCH = 13  # an hour, too

_HOW = {"wood": "mop", "stone": "mop", "carpet": "vacuum"}

_ROOMS: dict[Split, str] = {
    "train": """
        kitchen hall attic office bathroom library garage nursery pantry lobby gallery chapel cabin clinic studio
        bakery""",
    "dev": "bedroom cellar workshop theatre canteen museum salon school",
    "held-out": "study lounge porch laundry hotel bar bank shop gym archive ballroom corridor",
}


class Sheet(NamedTuple):
    """Rooms in the order of the work, each with its floor."""

    start: int
    rooms: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """As the customer puts it."""
        rooms = [f"{number}. {room}, {floor}" for number, (room, floor) in enumerate(self.rooms, start=1)]
        return "\n".join([f"Start at {self.start}", *rooms])

    @property
    def lines(self) -> tuple[str, ...]:
        """The day, line by line."""
        lines, now = [f"Start at {self.start}"], self.start
        for number, (room, floor) in enumerate(self.rooms, start=1):
            lines.append(f"{number}. {room}, {floor}: {_HOW[floor]} from {now} to {now + 1}")
            now += 1
            if now == LUNCH:
                lines.append(f"Lunch from {now} to {now + 1}")
                now += 1
        return (*lines, f"Done at {now}")


SYSTEM = "Write the work sheet."
EXAMPLE = Sheet(14, (("tent", "wood"), ("barn", "stone")))


class Worksheet:
    """Rooms become a work sheet."""

    name = "worksheet"
    title = "rooms to a work sheet (long procedure)"
    limit = 176

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """Distinct lists of rooms, after the example."""
        rng = random.Random(f"{self.name} {split} {seed}")
        shown: list[Message] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": EXAMPLE.text},
            {"role": "assistant", "content": "\n".join(EXAMPLE.lines)},
        ]
        sheets: dict[Sheet, None] = {}  # in order, each once
        while len(sheets) < count:
            sheets[_sheet(split, rng)] = None
        return [
            Prompt(f"{self.name}-{split}-{seed}-{i}", [*shown, {"role": "user", "content": sheet.text}], sheet)
            for i, sheet in enumerate(sheets)
        ]

    def reference(self, prompt: Prompt) -> str:
        """The work sheet."""
        return "\n".join(_facts(prompt).lines)

    def check(self, prompt: Prompt, answer: str) -> Grade:
        """Every line counts when it stands there exactly; blank lines and blanks around lines do not matter."""
        given = [line.strip() for line in answer.splitlines() if line.strip()]
        lines = _facts(prompt).lines
        faults = [f"missing: {line}" for line in lines if line not in given]
        share = 1 - len(faults) / len(lines)
        if not faults and given != list(lines):
            faults.append("something else than the work sheet")
        return Grade(not faults, share, tuple(faults))

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:  # noqa: ARG002
        """Types the word that is wrong, and the next one of its line."""
        return Reader(rule=follows(self.reference(prompt), next_too=True), limit=self.limit, max_steers=24)


def _sheet(split: Split, rng: random.Random) -> Sheet:
    """Any rooms; some of them, anywhere, have a carpet."""
    start = rng.choice(STARTS)
    rooms = rng.sample(_ROOMS[split].split(), ROOMS)
    floors = ["carpet"] * rng.randint(*CARPETS)
    floors += [rng.choice(("wood", "stone")) for _ in range(ROOMS - len(floors))]
    rng.shuffle(floors)
    return Sheet(start, tuple(zip(rooms, floors, strict=True)))


def _facts(prompt: Prompt) -> Sheet:
    assert isinstance(prompt.facts, Sheet)
    return prompt.facts
