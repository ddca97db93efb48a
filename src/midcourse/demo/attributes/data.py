"""The demonstration's rows: made short enough for two cores, and divided by prompt.

Three parts come of them. `rated`: the first judge and the dials learn from these. `hidden`: of the same kind, but what
people said of them is only looked at when they have been annotated. `held_out`: the second judge learns from these, and
the dials are tried on their prompts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import pstdev
from typing import NamedTuple

from midcourse.atomic import writing
from midcourse.attributes.data import plain, split
from midcourse.attributes.rows import Row, Turn, digest
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.length import Tokens, fit
from midcourse.demo.attributes.settings import AttributesDemoSettings
from midcourse.trace.tree import Message


class Parts(NamedTuple):
    """See the module; `shortened` prompts lost their middle, `long` answers were left out."""

    rated: list[Row]
    hidden: list[Row]
    held_out: list[Row]
    shortened: int
    long: int


def parts(rows: Sequence[Row], tok: Tokens, settings: AttributesDemoSettings) -> Parts:
    """`rows` with short prompts and answers, in three parts. Raises `UserError` where there are too few prompts."""
    found, shortened, long = [], 0, 0
    for row in rows:
        if len(tok.encode(row.last.content)) > settings.max_answer:
            long += 1
            continue
        brief = short(row, tok, settings.max_prompt)
        shortened += brief is not row
        found.append(brief)
    train, held_out = split(found, settings.share, settings.seed)
    rated, hidden = split(train, settings.unrated, settings.seed + 1)
    return Parts(rated, hidden, held_out, shortened, long)


def short(row: Row, tok: Tokens, limit: int) -> Row:
    """`row` with at most `limit` tokens before its last answer; itself if it is short enough."""
    before = [turn.message for turn in row.turns[:-1]]

    def measure(messages: list[Message]) -> int:
        return sum(len(tok.encode(str(message["content"]))) for message in messages)

    fitted = fit(tok, before, 0, limit, measure)
    if fitted is None or not fitted.lost:
        return row
    turns = [
        replace(turn, content=str(message["content"])) for turn, message in zip(row.turns, fitted.before, strict=False)
    ]
    return replace(row, turns=(*turns, row.last))


def unrated(rows: Iterable[Row]) -> list[Row]:
    """`rows` as if nobody had rated them."""
    return [replace(row, turns=tuple(Turn(turn.role, turn.content) for turn in row.turns)) for row in rows]


def ends(rows: Sequence[Row], name: str, count: int, seed: int) -> list[Row]:
    """`count` of `rows`, by content: two thirds with the highest values of `name`, one with the lowest."""
    rated = [row for row in rows if name in row.last.ratings]
    order = sorted(rated, key=lambda row: (row.last.ratings[name].value, digest(seed, row.messages)))
    low = order[: count // 3]
    return [*low, *order[len(low) :][-(count - len(low)) :]]


def first_of_each(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """One of `rows` for each of `count` prompts, by content."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.group, row)
    return [first[group] for group in sorted(first, key=lambda group: digest(seed, group))[:count]]


def beginnings(rows: Sequence[Row], shares: Sequence[float] = (0.08, 0.25, 0.55), least: int = 240) -> list[Row]:
    """Of each answer with at least `least` characters, its first sentences, up to about each of `shares` of it.

    What ends with a sentence is an answer, too, to the very same prompt, and only its length differs. Nobody has rated
    it. Its id is the row's with its number behind it.
    """
    found = []
    for row in unrated(rows):
        text = row.last.content
        cuts = [match.end() for match in re.finditer(r"[.!?](?=\s)", text)]
        if len(text) < least or not cuts:
            continue
        places = sorted({_nearest(cuts, share * len(text)) for share in shares})
        for number, end in enumerate(place for place in places if place < 0.9 * len(text)):
            turns = (*row.turns[:-1], Turn("assistant", text[:end]))
            found.append(replace(row, turns=turns, id=f"{row.id}~{number}"))
    return found


def _nearest(places: Sequence[int], wanted: float) -> int:
    return min(places, key=lambda place: abs(place - wanted))


def anchored(parts: Sequence[Row], wholes: Sequence[Row], people: Sequence[Row], schema: Schema) -> list[Row]:
    """Beginnings of answers with values: what people say of the whole one, less what the teacher thinks the rest adds.

    `parts` and `wholes` have the teacher's values, `people` are the wholes with people's. A teacher that was fitted by
    least squares leans to the mean; its differences are stretched to the spread that people's values have.
    """
    teacher, human = ({row.id: row.last.ratings for row in rows} for rows in (wholes, people))
    stretch = {}
    for name in schema.names:
        said = [(human[id_][name].value, teacher[id_][name].value) for id_ in human if name in human[id_]]
        spread = pstdev(guess for _, guess in said) if len(said) > 1 else 0.0
        stretch[name] = pstdev(value for value, _ in said) / spread if spread else 1.0
    found = []
    for row in parts:
        id_ = row.id.rpartition("~")[0]
        ratings = {}
        for name, one in row.last.ratings.items():
            if name in human[id_]:
                value = human[id_][name].value + stretch[name] * (one.value - teacher[id_][name].value)
                ratings[name] = one._replace(value=min(max(value, schema[name].minimum), schema[name].maximum))
        found.append(replace(row, turns=(*row.turns[:-1], replace(row.last, ratings=ratings))))
    return found


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write `rows` in the plain format."""
    with writing(path) as file:
        file.writelines(json.dumps(plain.dump(row), ensure_ascii=False) + "\n" for row in rows)
