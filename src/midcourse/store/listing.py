"""Pages of traces and steers for people to look through.

Representation: a page holds the rows after a key, never an offset, so every page costs the same; `next` is the key of
its last row as text. The newest trace comes first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, select, tuple_

from midcourse.errors import UserError
from midcourse.store import snippets
from midcourse.store import tables as t

Row = TypeVar("Row")
MOST = 1000  # rows on a page


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and what to pass as `after` for those that follow; None when there are none."""

    rows: tuple[Row, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A trace in a list. `title` is what the user said last, `answer` how the answer begins (None: never decoded)."""

    id: str
    title: str
    answer: str | None
    model: str
    steers: int
    tokens: int
    finished: bool
    tags: tuple[str, ...]
    author: str | None
    created: str | None


@dataclass(frozen=True, slots=True)
class SteerRow:
    """A steer in a list. `context`, `chosen` and `rejected` are shortened texts, all None if nobody decoded them."""

    trace: str
    steer: int
    context: str | None
    chosen: str | None
    rejected: tuple[str, ...] | None
    ends: bool
    reason: str | None
    tags: tuple[str, ...]
    weight: float
    author: str | None
    created: str | None


def traces(
    connection: Connection,
    *,
    after: str | None,
    limit: int,
    tag: str | None,
    steered: bool | None,
    text: str | None,
) -> Page[TraceRow]:
    """A page of traces; see `Store.traces`."""
    c = t.traces.c
    order = c.seq
    query = select(c.seq, c.id, c.title, c.answer, c.model, c.steers, c.tokens, c.finished, c.tags, c.author, c.created)
    if tag is not None:
        query = query.join(t.trace_tags, t.trace_tags.c.trace == c.seq).where(t.trace_tags.c.tag == tag)
        order = t.trace_tags.c.trace  # so that the tag's index gives the order too
    if steered is not None:
        query = query.where(c.steered == steered)
    if text:
        query = query.where(*_holds(c.words, text))
    if after is not None:
        query = query.where(order < _key(after, 1)[0])
    found = connection.execute(query.order_by(order.desc()).limit(_limit(limit))).all()
    rows = tuple(
        TraceRow(
            row.id, row.title, row.answer, row.model, row.steers, row.tokens, row.finished,
            tuple(json.loads(row.tags)), row.author, row.created,
        )
        for row in found
    )  # fmt: skip
    return Page(rows, str(found[-1].seq) if len(found) == limit else None)


def steers(
    connection: Connection,
    *,
    after: str | None,
    limit: int,
    tag: str | None,
    author: str | None,
    text: str | None,
    trace: str | None,
) -> Page[SteerRow]:
    """A page of steers; see `Store.steers`."""
    c, words, tags = t.steers.c, t.steer_words.c, t.steer_tags.c
    key = (c.trace, c.id)
    found_by = select(*key)
    if text:
        key = (words.trace, words.steer)
        found_by = select(*key).where(*_holds(words.words, text))
        if author is not None:
            found_by = found_by.join(t.steers, (c.trace == words.trace) & (c.id == words.steer))
    if tag is not None:
        joined = found_by.join(t.steer_tags, (tags.trace == key[0]) & (tags.steer == key[1]))
        found_by, key = joined.where(tags.tag == tag), (tags.trace, tags.steer)
    if (
        author is not None
    ):  # with a text, its narrow table is gone through first, so the author's index must not be taken
        found_by = found_by.where((func.coalesce(c.author, c.author) if text else c.author) == author)
    if trace is not None:
        number = connection.execute(select(t.traces.c.seq).where(t.traces.c.id == trace)).scalar()
        found_by = found_by.where(key[0] == number)
    if after is not None:
        found_by = found_by.where(tuple_(*key) < tuple_(*_key(after, 2)))
    # The keys first: the wide rows are then read for one page alone.
    page = found_by.order_by(*(column.desc() for column in key)).limit(_limit(limit)).subquery()
    number, steer = page.c
    query = (
        select(t.steers, t.traces.c.id.label("trace_id"))
        .join(page, (c.trace == number) & (c.id == steer))
        .join(t.traces, t.traces.c.seq == c.trace)
    )
    found = sorted(connection.execute(query), key=lambda row: (row.trace, row.id), reverse=True)
    rows = tuple(
        SteerRow(
            row.trace_id, row.id, row.context, row.chosen,
            None if row.rejected is None else tuple(json.loads(row.rejected)),
            row.ends, row.reason, tuple(json.loads(row.tags)), row.weight, row.author, row.created,
        )
        for row in found
    )  # fmt: skip
    return Page(rows, f"{found[-1].trace}.{found[-1].id}" if len(found) == limit else None)


def filtered(query: Select[Any], *, tag: str | None, steered: bool | None) -> Select[Any]:
    """A query of traces, restricted to some."""
    if tag is not None:
        query = query.where(t.traces.c.seq.in_(select(t.trace_tags.c.trace).where(t.trace_tags.c.tag == tag)))
    if steered is not None:
        query = query.where(t.traces.c.steered == steered)
    return query


def _holds(words: ColumnElement[str], text: str) -> list[ColumnElement[bool]]:
    """That a text stands in the words."""
    return [words.contains(part, autoescape=True) for part in dict.fromkeys(snippets.search_for(text))]


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise UserError(f"a page has 1 to {MOST} rows, not {limit}")
    return limit


def _key(after: str, parts: int) -> Sequence[int]:
    numbers = after.split(".")
    if len(numbers) != parts or not all(number.isascii() and number.isdecimal() for number in numbers):
        raise UserError(f"{after!r} is not the end of a page")
    return [min(int(number), 2**31 - 1) for number in numbers]
