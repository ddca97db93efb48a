"""The demonstration's rows: made short enough for two cores, and divided by prompt.

Three parts come of them. `rated`: the first judge and the dials learn from these. `hidden`: of the same kind, but what
people said of them is only looked at when they have been annotated. `held_out`: the second judge learns from these, and
the dials are tried on their prompts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from midcourse.atomic import writing
from midcourse.attributes.data import plain, split
from midcourse.attributes.rows import Rating, Row, Turn, digest
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


def first_of_each(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """One of `rows` for each of `count` prompts, by content."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.group, row)
    return [first[group] for group in sorted(first, key=lambda group: digest(seed, group))[:count]]


SHARES = (0.02, 0.1, 0.2, 0.35, 0.5, 0.75)  # of an answer that its beginnings have


def beginnings(rows: Sequence[Row], shares: Sequence[float] = SHARES, least: int = 60) -> list[Row]:
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


def levelled(rows: Sequence[Row], schema: Schema, name: str, edge: float = 0.15) -> list[Row]:
    """`rows` with ratings of `name` alone, moved by one straight line so that they use its whole scale.

    A teacher that was fitted by least squares leans to the mean, and people hardly ever gave the highest values:
    nothing would be learned of the ends of the dial. The value that a share `edge` of the rows is below becomes the
    lowest, the one that as many are above the highest; what lies beyond is that end. So the dial asks for a place among
    these rows. Rows without such a rating are left out.
    """
    one = schema[name]
    rated = [row for row in rows if name in row.last.ratings]
    values = sorted(row.last.ratings[name].value for row in rated)
    if not values:
        return []
    low, high = (values[round(share * (len(values) - 1))] for share in (edge, 1 - edge))
    slope = (one.maximum - one.minimum) / (high - low) if high > low else 1.0

    def moved(rating: Rating) -> Rating:
        value = one.minimum + slope * (rating.value - low)
        return rating._replace(value=min(max(value, one.minimum), one.maximum))

    return [_with(row, {name: moved(row.last.ratings[name])}) for row in rated]


def ladders(rows: Sequence[Row], schema: Schema, name: str, count: int, seed: int) -> list[Row]:
    """Of `rows`, the `count` answers whose beginnings have the most levels of `name`, one row of each level.

    Such rows differ in nothing but how much is said, so that nothing but the dial tells them apart. Answers to other
    prompts are preferred to more of one prompt's; by content.
    """
    rungs: dict[str, dict[float, Row]] = {}
    for row in rows:
        level = schema[name].snap(row.last.ratings[name].value)
        rungs.setdefault(row.id.partition("~")[0], {}).setdefault(level, row)
    order = sorted(rungs, key=lambda id: (-len(rungs[id]), digest(seed, id)))
    nth: dict[str, int] = {}
    place = {}
    for id in order:
        group = next(iter(rungs[id].values())).group
        place[id] = nth[group] = nth.get(group, -1) + 1
    chosen = sorted(order, key=lambda id: (-len(rungs[id]), place[id]))[:count]
    return [rungs[id][level] for id in sorted(chosen) for level in sorted(rungs[id])]


def alike(ladders: Sequence[Row], said: Sequence[Row], name: str, seed: int) -> list[Row]:
    """`ladders`, where on half of them each row has the rating `name` that `said` gives the whole answer; by content.

    For what a cut hardly changes, such as how much one has to know to write it. So that dial is met together with all
    levels of the other one, and neither is read for the other.
    """
    known = {row.id: row.last.ratings[name] for row in said if name in row.last.ratings}
    found = []
    for row in ladders:
        whole = row.id.partition("~")[0]
        there = whole in known and int(digest(seed, whole, name), 16) % 2 == 0
        found.append(_with(row, {**row.last.ratings, name: known[whole]}) if there else row)
    return found


def others(rows: Sequence[Row], said: Sequence[Row], ladders: Sequence[Row], count: int, seed: int) -> list[Row]:
    """`count` of the answers `said` that are on none of `ladders`, with their ratings of the dial as in `rows`; by
    content.

    Only they say something of the other dials. On a ladder nobody can: were its whole answer alone rated so, being
    rated would mean being long.
    """
    used = {row.id.partition("~")[0] for row in ladders}
    moved = {row.id: row.last.ratings for row in rows}
    free = sorted((row for row in said if row.id not in used and row.id in moved), key=lambda row: digest(seed, row.id))
    return [_with(row, {**row.last.ratings, **moved[row.id]}) for row in free[:count]]


def _with(row: Row, ratings: Mapping[str, Rating]) -> Row:
    return replace(row, turns=(*row.turns[:-1], replace(row.last, ratings=dict(ratings))))


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write `rows` in the plain format."""
    with writing(path) as file:
        file.writelines(json.dumps(plain.dump(row), ensure_ascii=False) + "\n" for row in rows)
