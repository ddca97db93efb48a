"""A wording rule with many cases: a text goes to British readers, and only the American words are to be replaced.

    Nobody had asked Ruth about the truck. Everyone liked the flashlight very much. …

    Nobody had asked Ruth about the lorry. Everyone liked the torch very much. …

The prompt shows a text in which nothing is to be done, so the model copies, and misses most of the words. A text has
80 tokens and six wrong words: a case for corrections rather than for typing it anew. Splits share no sentence and no
name; the list of words is the rule, and the same in all of them.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from benchmarks.effort.tasks.reader import Reader, follows
from benchmarks.effort.tasks.task import Grade, Prompt, Split

from midcourse.steerers import Steerer
from midcourse.trace import Message
from midcourse.trace.text import Tokenizer

SENTENCES = 10
AMERICAN = 6  # of them have a word that is to be replaced

WORDS = {
    "truck": "lorry",
    "elevator": "lift",
    "apartment": "flat",
    "sidewalk": "pavement",
    "flashlight": "torch",
    "faucet": "tap",
    "cookie": "biscuit",
    "airplane": "aeroplane",
    "sweater": "jumper",
    "vacation": "holiday",
    "trash can": "dustbin",
    "gas station": "petrol station",
}

NAMES: dict[Split, str] = {
    "train": "Ruth Peter Laura Martin Emma George Alice Frank Helen Simon Clara Oscar",
    "dev": "Nora Victor Irene Hugo",
    "held-out": "Anna Paul Julia Walter Maria Henry Susan Robert",
}

FRAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        "{who} walked to the {word} and waited there.",
        "The {word} near the river was new.",
        "In the morning {who} saw the {word} again.",
        "Nobody had asked {who} about the {word}.",
        "The old {word} cost less than before.",
        "{who} wrote a letter about the {word}.",
        "There was a photo of the {word} on the wall.",
        "We never found the {word} that {who} wanted.",
        "Everyone liked the {word} very much.",
        "The children drew the {word} for {who}.",
        "After lunch the {word} was gone.",
        "{who} could not forget the {word}.",
    ),
    "dev": (
        "The whole street knew the {word}.",
        "{who} came back for the {word}.",
        "{who} had paid for the {word} in May.",
        "Without the {word} it was a quiet day.",
        "Nothing was wrong with the {word}.",
        "Then {who} showed us the {word}.",
    ),
    "held-out": (
        "{who} stood beside the {word} for an hour.",
        "Last year the {word} looked better.",
        "My brother dreamed of the {word}.",
        "The {word} was the best part of the story.",
        "Only {who} remembered the {word}.",
        "They put a sign on the {word}.",
        "{who} laughed and pointed at the {word}.",
        "It rained on the {word} all night.",
    ),
}

PLAIN: dict[Split, tuple[str, ...]] = {
    "train": (
        "It was a cold day in March.",
        "{who} was not at home.",
        "Nobody said a word for a while.",
        "The shop on the corner had closed.",
        "{who} made tea and opened the window.",
        "There were two letters on the table.",
        "We waited until it was dark.",
        "{who} played the piano next door.",
        "The dog slept under the tree.",
        "Some people walked by and smiled.",
    ),
    "dev": (
        "The clock in the hall had stopped.",
        "{who} sang an old song.",
        "It was too late for the bus.",
        "All the lights were on.",
        "{who} did not know what to say.",
    ),
    "held-out": (
        "The sky was grey and low.",
        "{who} closed the book and stood up.",
        "A bell rang somewhere in the town.",
        "There was snow on the roofs.",
        "{who} told the story again.",
        "The train was full of students.",
        "Nothing happened on Sunday.",
        "{who} bought bread and some apples.",
    ),
}

SYSTEM = "Prepare the text for our British readers."
EXAMPLE = "The bus was late. We stood in the rain and sang."


class Text(NamedTuple):
    """What comes in, and what is printed."""

    american: str
    british: str


class British:
    """Texts for British readers."""

    name = "british"
    title = "texts for British readers (wording)"
    limit = 160

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """Texts; words take turns, so all of them appear equally often."""
        rng = random.Random(f"{self.name} {split} {seed}")
        words: list[str] = []
        made = []
        for i in range(count):
            frames = [*rng.sample(FRAMES[split], AMERICAN), *rng.sample(PLAIN[split], SENTENCES - AMERICAN)]
            rng.shuffle(frames)
            sentences = []
            for frame in frames:
                words = words or rng.sample(list(WORDS), len(WORDS))
                word = words.pop() if "{word}" in frame else ""
                sentences.append((frame, rng.choice(NAMES[split].split()), word))
            text = Text(
                " ".join(frame.format(who=who, word=word) for frame, who, word in sentences),
                " ".join(frame.format(who=who, word=WORDS.get(word, "")) for frame, who, word in sentences),
            )
            made.append(Prompt(f"{self.name}-{split}-{seed}-{i}", _messages(text.american), text))
        return made

    def reference(self, prompt: Prompt) -> str:
        """The text as it is printed."""
        return _text(prompt).british

    def check(self, prompt: Prompt, answer: str) -> Grade:
        """`share` is that of the sentences that are there as they should be; blanks do not matter."""
        given, right = (re.split(r"(?<=\.)\s+", text.strip()) for text in (answer, _text(prompt).british))
        faults = [f"missing: {sentence}" for sentence in right if sentence not in given]
        share = 1 - len(faults) / len(right)
        if not faults and given != right:
            faults.append("something else than the text")
        return Grade(not faults, share, tuple(faults))

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:  # noqa: ARG002
        """Types the word that is wrong."""
        return Reader(rule=follows(self.reference(prompt)), limit=self.limit, max_steers=16)


def _messages(text: str) -> list[Message]:
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": EXAMPLE},
        {"role": "assistant", "content": EXAMPLE},
        {"role": "user", "content": text},
    ]


def _text(prompt: Prompt) -> Text:
    assert isinstance(prompt.facts, Text)
    return prompt.facts
