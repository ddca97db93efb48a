"""Rated answers as fitting takes them.

A sample is one rated assistant turn in its place; a row with several rated turns gives several.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from midcourse.attributes.predictors.encoding import Encoded, encode
from midcourse.attributes.predictors.predictor import Conversation
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.schema import Schema, Values
from midcourse.errors import InputErrors, Problem, UserError
from midcourse.trace.text import Tokenizer


@dataclass(frozen=True, slots=True)
class Sample:
    """`values` are those that were given; an attribute that nobody rated is not among them."""

    conversation: Conversation
    values: Values
    group: str
    weight: float
    place: str


def samples(rows: Iterable[Row], schema: Schema) -> list[Sample]:
    """All rated answers of `rows`. Raises `InputErrors` for values outside their range, `UserError` without any."""
    found, wrong = [], []
    for row in rows:
        for before, turn, number in row.answers:
            values = {name: value for name, value in turn.values.items() if name in schema}
            wrong += [
                Problem(row.place or "rows", why, field=f"turns[{number}].{name}") for name, why in schema.wrong(values)
            ]
            if values:
                found.append(Sample([*before, turn.message], values, row.group, row.weight, row.place))
    if wrong:
        raise InputErrors(wrong)
    if not found:
        raise UserError(
            f"no answer is rated in any of {', '.join(schema.names)} with a weight above 0: there is nothing to fit to"
        )
    return found


@dataclass(frozen=True, slots=True)
class Table:
    """Samples as numbers: `encoded` and rows of the tensors are parallel; a missing label is NaN."""

    encoded: Sequence[Encoded]
    labels_NA: Tensor
    weight_N: Tensor
    groups: Sequence[str]  # what belongs on one side of a split
    prompts: Sequence[str]  # what is answered

    @property
    def length_N(self) -> Tensor:
        """The whole answers' lengths in tokens, ends included."""
        return self.tokens_N2[:, 0]

    @property
    def tokens_N2(self) -> Tensor:
        """The tokens of the whole answers, ends included, and of their whole prompts."""
        return torch.tensor([one.tokens for one in self.encoded]).view(-1, 2)

    @property
    def cut(self) -> dict[str, int]:
        """How many samples had to be cut, and how many tokens of them went."""
        return {
            "prompts": sum(one.prompt_cut > 0 for one in self.encoded),
            "prompt_tokens": sum(one.prompt_cut for one in self.encoded),
            "answers": sum(one.answer_cut > 0 for one in self.encoded),
            "answer_tokens": sum(one.answer_cut for one in self.encoded),
        }


def table(some: Sequence[Sample], schema: Schema, tokenizer: Tokenizer, max_tokens: int) -> Table:
    """`some` samples as numbers."""
    missing = float("nan")
    return Table(
        [encode(tokenizer, one.conversation, max_tokens) for one in some],
        torch.tensor([[one.values.get(name, missing) for name in schema.names] for one in some]).view(
            len(some), len(schema.names)
        ),
        torch.tensor([one.weight for one in some]),
        [one.group for one in some],
        [digest(one.conversation[:-1]) for one in some],
    )
