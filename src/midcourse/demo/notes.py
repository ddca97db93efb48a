"""The demo's task: a free-form note becomes a contact card in a house format, and a program can check every line.

    Met Anna Keller in Lisbon, 36 years old, works as a chef. Phone 555-0134.

    [contact]
    name = Keller, Anna
    city = Lisbon
    age = 36
    job = chef
    phone = 555 0134

A card is an INI section with house rules: five keys in this order, the surname first, the phone number regrouped,
nothing around it. A note and its card are drawn together from one contact, so the card is right by construction. Train
and held-out notes share no name, city, job, phone number or sentence (`words.py`). The same seed gives the same notes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from midcourse.demo.words import HELD_OUT, TRAIN, Words
from midcourse.measure.check import Verdict
from midcourse.trace.tree import Message

Split = Literal["train", "held_out"]
SYSTEM = "Turn the note into a card."  # says nothing of the format: that is what the steers teach
FIELDS = ("name", "city", "age", "job", "phone")


@dataclass(frozen=True, slots=True)
class Note:
    """One task: the note that a person wrote in a hurry, and whom it is about."""

    text: str
    first: str
    last: str
    city: str
    age: int
    job: str
    phone: str  # seven digits
    template: str

    @property
    def messages(self) -> list[Message]:
        """The conversation that the model answers."""
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": self.text}]

    @property
    def lines(self) -> dict[str, str]:
        """The card's lines by field, in the order of the card."""
        return {
            "name": f"name = {self.last}, {self.first}",
            "city": f"city = {self.city}",
            "age": f"age = {self.age}",
            "job": f"job = {self.job}",
            "phone": f"phone = {self.phone[:3]} {self.phone[3:]}",
        }

    @property
    def reference(self) -> str:
        """The right answer, whole."""
        return "\n".join(["[contact]", *self.lines.values()])


def draw(split: Split, count: int, seed: int) -> list[Note]:
    """`count` distinct notes of one half, each about another person; templates take turns, so all of them appear."""
    words = TRAIN if split == "train" else HELD_OUT
    prefixes = [p for p in range(200, 1000) if (p % 2 == 0) == (split == "train")]  # numbers differ as well
    return draw_from(words, prefixes, count, random.Random(f"{split} {seed}"))


def draw_from(words: Words, prefixes: Sequence[int], count: int, rng: random.Random) -> list[Note]:
    """`count` distinct notes made of `words`, their phone numbers beginning with one of `prefixes` (three digits)."""
    people = [(first, last) for first in words.firsts for last in words.lasts]
    assert count <= len(people), f"at most {len(people)} notes can be drawn from these words"
    templates: list[str] = []
    notes = []
    for first, last in rng.sample(people, count):
        templates = templates or rng.sample(words.templates, len(words.templates))
        template, city, job = templates.pop(), rng.choice(words.cities), rng.choice(words.jobs)
        age, phone = rng.randint(21, 79), f"{rng.choice(prefixes)}{rng.randint(0, 9999):04d}"
        text = template.format(first=first, last=last, city=city, age=age, job=job, phone=f"{phone[:3]}-{phone[3:]}")
        notes.append(Note(text, first, last, city, age, job, phone, template))
    return notes


def check(answer: str, reference: str, messages: Sequence[Message]) -> Verdict:  # noqa: ARG001
    """The checker that `midcourse measure` takes: a field counts when its line stands there exactly, and the answer
    passes when nothing else does. `reference` is the right card.
    """
    lines, given = reference.strip().splitlines()[1:], answer.strip().splitlines()
    right = sum(line in given for line in lines)
    return Verdict(answer.strip() == reference.strip(), right / len(lines))
