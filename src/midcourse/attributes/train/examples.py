"""From rated conversations to supervision: each assistant turn, given the values that it has.

An `Item` is one answer in the conversation so far. Its example is a trace whose prompt asks for the answer's values and
whose segment is the answer with its end: the loss looks at nothing else, neither at what was asked nor at earlier
turns. Every epoch asks anew: `asked` leaves out everything, or single attributes, as the seed, the epoch and the
answer's own content say.

Invariant: the ids are those that the engine feeds for the same request, because both come from `tokenizer.prompt`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midcourse.attributes.rows import HUMAN, Row, digest
from midcourse.attributes.schema import Schema, Values, written
from midcourse.attributes.train.length import fit
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.learn.items import Example, Segment, Slice
from midcourse.trace.tree import ROOT, Message, Trace
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.models.tokenizer import HFTokenizer


@dataclass(frozen=True, slots=True)
class Item:
    """One answer: the messages before it, its ids, its values, and who gave them. `whole`: its end is there."""

    before: tuple[Message, ...]
    ids: tuple[int, ...]
    whole: bool
    values: Values
    weight: float
    key: str
    place: str
    by: frozenset[str] = frozenset()


@dataclass(slots=True)
class Counts:
    """What became of the answers that were read."""

    answers: int = 0
    weightless: int = 0
    unrated: int = 0
    shortened: int = 0
    cut: int = 0
    hopeless: int = 0

    def sentences(self, max_length: int) -> list[str]:
        """What there is to tell of it."""
        found = []
        if self.weightless:
            found.append(f"{counted(self.weightless, 'answer has', 'answers have')} a weight of 0: left out")
        if self.unrated:
            found.append(
                f"{counted(self.unrated, 'answer has', 'answers have')} no ratings: left out (unrated would not)"
            )
        if self.shortened:
            found.append(
                f"{counted(self.shortened, 'conversation')} of {self.answers:,} lost the middle of their longest "
                f"message: more than {max_length:,} tokens with the answer"
            )
        if self.cut:
            found.append(
                f"{counted(self.cut, 'answer is', 'answers are')} longer than that leaves room for: cut at the end"
            )
        if self.hopeless:
            found.append(f"{counted(self.hopeless, 'conversation has', 'conversations have')} no room at all: left out")
        return found


def items(
    rows: Iterable[Row], tok: HFTokenizer, schema: Schema, recipe: ConditionedRecipe
) -> tuple[list[Item], Counts]:
    """The answers of `rows` that are trained on, and what became of the others."""
    counts, found = Counts(), []
    widest = widest_of(tok, schema, recipe)
    for row in rows:
        for answer in row.answers:
            if not row.weight:
                counts.weightless += 1
                continue
            ratings = {
                name: rating
                for name, rating in answer.turn.ratings.items()
                if name in schema and (recipe.labels == "any" or rating.by == HUMAN)
            }
            values = {name: rating.value for name, rating in ratings.items()}
            if not values and not recipe.unrated:
                counts.unrated += 1
                continue
            counts.answers += 1
            ids = tok.encode(answer.turn.content)

            def measure(messages: list[Message]) -> int:
                return max(len(tok.prompt(messages, values)) for values in (widest, {}))

            fitted = fit(tok, answer.before, len(ids) + 1, recipe.max_length, measure)
            if fitted is None:
                counts.hopeless += 1
                continue
            counts.shortened += fitted.lost > 0
            whole = fitted.kept == len(ids) + 1
            counts.cut += not whole
            place = row.place + (f", turn {answer.number}" if len(row.turns) > 2 else "")
            key = digest([dict(one) for one in answer.before], answer.turn.content)
            found.append(
                Item(
                    tuple(fitted.before),
                    tuple(ids[: fitted.kept]),
                    whole,
                    schema.ordered(values),
                    row.weight,
                    key,
                    place,
                    frozenset(rating.by for rating in ratings.values()),
                )
            )
    return found, counts


def widest_of(tok: HFTokenizer, schema: Schema, recipe: ConditionedRecipe) -> dict[str, float]:
    """Of each attribute the value that takes the most tokens to ask for, so that what fits does so in every epoch.

    Nothing asked for may take more still: some chat templates then write a system message of their own.
    """
    found = {}
    for scale in schema.attributes:
        levels: Iterable[float] = scale.levels
        if not recipe.rounded:
            count = round((scale.maximum - scale.minimum) * 10)
            levels = (round(scale.minimum + number / 10, 1) for number in range(count + 1))
        inside = (min(max(level, scale.minimum), scale.maximum) for level in levels)
        found[scale.name] = max(inside, key=lambda value: len(tok.encode(written(value))))
    return found


def asked(item: Item, schema: Schema, recipe: ConditionedRecipe, epoch: int) -> dict[str, float]:
    """The values that `item` is asked for in this epoch (from 0): each on its scale, some or all of them left out."""
    chance = random.Random(f"{recipe.seed}/{epoch}/{item.key}")
    nothing = chance.random() < recipe.dropout
    found = {}
    for name, value in item.values.items():
        left_out, noise = chance.random() < recipe.drop_each, chance.gauss(0, recipe.jitter * schema[name].step)
        if not nothing and not left_out:
            scale = schema[name]
            moved = value + noise if recipe.rounded else round(value + noise, 1)
            moved = min(max(moved, scale.minimum), scale.maximum)
            found[name] = scale.snap(moved) if recipe.rounded else moved
    return found


def examples(
    items: Sequence[Item], tok: HFTokenizer, schema: Schema, recipe: ConditionedRecipe, epoch: int = 0
) -> list[Example]:
    """What `epoch` trains on; parallel to `items`."""
    return [
        example(number, item, tok.prompt(item.before, asked(item, schema, recipe, epoch)), tok, recipe.ending)
        for number, item in enumerate(items)
    ]


def example(number: int, item: Item, prompt: Sequence[int], tok: HFTokenizer, ending: float = 0.0) -> Example:
    """`item` after `prompt`: a trace of one span, the answer, which is all that is supervised.

    With `ending`, the places where it might have ended count once more, with that share of its weight: see `stops`.
    """
    trace = Trace(
        id=item.key,
        messages=list(item.before),
        prompt=tuple(prompt),
        model="",
        tokenizer=tok.fingerprint,
        end_ids=tok.end_ids,
        weight=item.weight,
    )
    span = trace.branch(ROOT, [*item.ids, *([tok.end_id] if item.whole else [])], "import")
    segments = [Segment("chosen", (Slice(span.id, 0, len(span.ids)),), item.weight, steer=0)]
    if ending and (places := stops(span.ids, tok)):
        slices = tuple(Slice(span.id, place, place + 1) for place in places)
        segments.append(Segment("chosen", slices, ending * item.weight, steer=1))
    return Example(number, trace, tuple(segments), item.place)


def stops(ids: Sequence[int], tok: HFTokenizer) -> list[int]:
    """The places in `ids` of the tokens that say whether it goes on: behind a sentence or a line, and its end."""
    found = []
    for place in range(1, len(ids)):
        before, after = (tok.token_bytes(one) for one in ids[place - 1 : place + 1])
        sentence = before.rstrip().endswith((b".", b"!", b"?")) and (before + after[:1])[-1:].isspace()
        if ids[place] in tok.end_ids or before.endswith(b"\n") or sentence:
            found.append(place)
    return found
