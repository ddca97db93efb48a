"""A structured format: the demonstration's notes and cards (`midcourse.demo.notes`).

The prompt says nothing about the format, so the model has everything of it wrong at first.
"""

from __future__ import annotations

import random
from dataclasses import fields

from benchmarks.effort.tasks.task import Grade, Prompt, Split

from midcourse.demo.notes import Note, draw_from
from midcourse.demo.words import HELD_OUT, TRAIN, Words
from midcourse.steerers import Oracle, Steerer
from midcourse.trace.text import Tokenizer


def _share(words: Words, nth: int, *, kept: bool) -> Words:
    """Each `nth` entry of every list of `words`, or all the others."""
    lists = {field.name: getattr(words, field.name) for field in fields(words)}
    return Words(**{k: tuple(v for i, v in enumerate(old) if (i % nth == 0) == kept) for k, old in lists.items()})


# phone numbers differ by their prefix modulo 4
_WORDS: dict[Split, tuple[Words, tuple[int, ...]]] = {
    "train": (_share(TRAIN, 5, kept=False), (0,)),
    "dev": (_share(TRAIN, 5, kept=True), (2,)),
    "held-out": (HELD_OUT, (1, 3)),
}


MOST = 400  # notes are drawn, however many are asked for, so that fewer are the first of more


class Cards:
    """Notes become contact cards."""

    name = "cards"
    title = "notes to contact cards (format)"
    limit = 64

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """Notes, each about another person."""
        words, rests = _WORDS[split]
        prefixes = [prefix for prefix in range(200, 1000) if prefix % 4 in rests]
        everybody = min(len(words.firsts) * len(words.lasts), MOST)
        assert count <= everybody, f"{split} has only {everybody}, not {count}"
        notes = draw_from(words, prefixes, everybody, random.Random(f"cards {split} {seed}"))
        return [Prompt(f"cards-{split}-{seed}-{i}", note.messages, note) for i, note in enumerate(notes[:count])]

    def reference(self, prompt: Prompt) -> str:
        """The card."""
        return _note(prompt).reference

    def check(self, prompt: Prompt, answer: str) -> Grade:
        """A field counts when its line stands there exactly; blank lines and blanks around lines do not matter."""
        given = [line.strip() for line in answer.strip().splitlines() if line.strip()]
        lines = _note(prompt).lines
        faults = [f"{field}: not as it should be" for field, line in lines.items() if line not in given]
        right = 1 - len(faults) / len(lines)
        if not faults and given != _note(prompt).reference.splitlines():
            faults.append("something else than the card")
        return Grade(not faults, right, tuple(faults))

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:  # noqa: ARG002
        """Types up to 6 tokens of the card at a time."""
        return Oracle(reference=self.reference(prompt), run_on=4, max_typed=6)


def _note(prompt: Prompt) -> Note:
    assert isinstance(prompt.facts, Note)
    return prompt.facts
