"""A model with dials that answers at random, prompts for it, and a judge that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Schema

SCHEMA = Schema.load("helpsteer")


@dataclass(frozen=True)
class Counting:
    """Verbosity is a tenth of the answer's characters, helpfulness the rest of 4, complexity always 1."""

    name: str = "counting"
    attributes: Schema = SCHEMA

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        return [self._one(str(conversation[-1]["content"])) for conversation in conversations]

    def _one(self, text: str) -> Prediction:
        verbosity = min(4.0, len(text) / 10)
        values = {"verbosity": verbosity, "helpfulness": 4 - verbosity, "complexity": 1.0}
        return Prediction({name: values[name] for name in self.attributes.names if name in values})


def rows(count: int) -> list[Row]:
    """Two answers to each of `count` prompts."""
    found = []
    for number in range(2 * count):
        turns = (
            Turn("user", f"name bird {number // 2}"),
            Turn("assistant", "a robin", {"verbosity": Rating(1.0)}),
        )
        found.append(Row(turns, str(number), group_of(turns), f"rows.jsonl:{number + 1}"))
    return found
