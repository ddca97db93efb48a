"""What a task of the effort benchmark is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from midcourse.steerers import Steerer
from midcourse.trace import Message
from midcourse.trace.text import Tokenizer

Split = Literal["train", "dev", "held-out"]
SPLITS: tuple[Split, ...] = ("train", "dev", "held-out")


class Prompt(NamedTuple):
    """One question. `facts` is what the task's checker and its steerer know about it, and nobody else reads."""

    id: str
    messages: list[Message]
    facts: object


class Grade(NamedTuple):
    """What a program says of an answer: `share` of what was asked for is right (0 to 1), `passed` if all of it is."""

    passed: bool
    share: float
    faults: tuple[str, ...]


class Task(Protocol):
    """A kind of question, with everything that needs no person."""

    @property
    def name(self) -> str:
        """One word, for files and columns."""

    @property
    def title(self) -> str:
        """A few words, for plots."""

    @property
    def limit(self) -> int:
        """The most tokens of an answer, right or wrong."""

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """`count` questions; splits share no facts."""

    def reference(self, prompt: Prompt) -> str:
        """A right answer as a person would write it whole."""

    def check(self, prompt: Prompt, answer: str) -> Grade:
        """What is right in `answer`; tolerant of what does not matter."""

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:
        """Whoever lets the model write until something is wrong, types the shortest correction, and lets it go on."""


_T = TypeVar("_T")


def drawn(everything: Sequence[_T], count: int, *seed: object) -> list[_T]:
    """The first `count` of `everything`, shuffled."""
    assert count <= len(everything), f"{seed} has only {len(everything)}, not {count}"
    shuffled = list(everything)
    random.Random(" ".join(map(str, seed))).shuffle(shuffled)
    return shuffled[:count]
