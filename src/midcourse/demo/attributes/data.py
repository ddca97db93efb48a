"""The demonstration's rows: made short enough for two cores, and divided by prompt.

Three parts come of them. `rated`: the first judge and the dials learn from these. `hidden`: of the same kind, but what
people said of them is only looked at when they have been annotated. `held_out`: the second judge learns from these, and
the dials are tried on their prompts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from midcourse.atomic import writing
from midcourse.attributes.data import plain, split
from midcourse.attributes.rows import Row, Turn, digest
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


def contrasting(rows: Sequence[Row], name: str, count: int, seed: int) -> list[Row]:
    """At least `count` of `rows`, if there are so many: whole prompts, those first whose answers differ most in `name`.

    Where all answers to a prompt have the same level, a model can read the level off the prompt, and learns nothing of
    its dial.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if name in row.last.ratings:
            groups.setdefault(row.group, []).append(row)

    def order(group: str) -> tuple[float, str]:
        values = [row.last.ratings[name].value for row in groups[group]]
        return min(values) - max(values), digest(seed, group)

    found: set[str] = set()
    total = 0
    for group in sorted(groups, key=order):
        if total >= count:
            break
        found.add(group)
        total += len(groups[group])
    return [row for row in rows if row.group in found and name in row.last.ratings]


def first_of_each(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """One of `rows` for each of `count` prompts, by content."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.group, row)
    return [first[group] for group in sorted(first, key=lambda group: digest(seed, group))[:count]]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write `rows` in the plain format."""
    with writing(path) as file:
        file.writelines(json.dumps(plain.dump(row), ensure_ascii=False) + "\n" for row in rows)
