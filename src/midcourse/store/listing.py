"""Pages of traces and steers for people to look through.

Representation: a page holds the rows after a key, never an offset, so every page costs the same; `next` is the key of
its last row as text. The newest trace comes first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Select, func, select, tuple_

from midcourse.errors import UserError
from midcourse.store import filters
from midcourse.store import tables as t
from midcourse.store.filters import Keys, SteersWhere, TracesWhere
from midcourse.trace.tree import Kind

Row = TypeVar("Row")
MOST = 1000  # rows on a page


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and what to pass as `after` for those that follow; None when there are none.

    `total` is how many there are on all pages, where that was asked for.
    """

    rows: tuple[Row, ...]
    next: str | None
    total: int | None = None


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
    attributes: dict[str, float]
    author: str | None
    created: str | None


@dataclass(frozen=True, slots=True)
class SteerRow:
    """A steer in a list. `context`, `chosen` and `rejected` are shortened texts, all None if nobody decoded them.

    `title` is what the user said last; `abandoned` is a steer that is not on the path to its trace's head.
    """

    trace: str
    title: str
    steer: int
    kind: Kind
    context: str | None
    chosen: str | None
    rejected: tuple[str, ...] | None
    ends: bool
    abandoned: bool
    reason: str | None
    tags: tuple[str, ...]
    serves: tuple[str, ...]
    weight: float
    aside: bool
    author: str | None
    created: str | None


def traces(connection: Connection, where: TracesWhere, *, after: str | None, limit: int, total: bool) -> Page[TraceRow]:
    """A page of traces; see `Store.traces`."""
    c = t.traces.c
    keys = filters.traces(where)
    page = _page(keys, after, limit).subquery()
    query = select(
        c.seq, c.id, c.title, c.answer, c.model, c.steers, c.tokens, c.finished, c.tags, c.attributes, c.author,
        c.created,
    ).join(page, c.seq == page.c[0])  # fmt: skip
    found = sorted(connection.execute(query), key=lambda row: row.seq, reverse=True)
    rows = tuple(
        TraceRow(
            row.id, row.title, row.answer, row.model, row.steers, row.tokens, row.finished,
            _tags(row.tags), {} if row.attributes == "{}" else json.loads(row.attributes), row.author, row.created,
        )
        for row in found
    )  # fmt: skip
    return Page(
        rows,
        str(found[-1].seq) if len(found) == limit else None,
        _total(connection, keys, after, total, len(rows), limit),
    )


def steers(connection: Connection, where: SteersWhere, *, after: str | None, limit: int, total: bool) -> Page[SteerRow]:
    """A page of steers; see `Store.steers`."""
    c = t.steers.c
    keys = filters.steers(where)
    # The keys first: the wide rows are then read for one page alone.
    page = _page(keys, after, limit).subquery()
    number, steer = page.c
    query = (
        select(t.steers, t.traces.c.id.label("trace_id"), t.traces.c.title)
        .join(page, (c.trace == number) & (c.id == steer))
        .join(t.traces, t.traces.c.seq == c.trace)
    )
    found = sorted(connection.execute(query), key=lambda row: (row.trace, row.id), reverse=True)
    rows = tuple(
        SteerRow(
            row.trace_id, row.title, row.id, row.kind, row.context, row.chosen,
            None if row.rejected is None else tuple(json.loads(row.rejected)),
            row.ends, row.abandoned, row.reason, _tags(row.tags), _tags(row.serves), row.weight, row.aside, row.author,
            row.created,
        )
        for row in found
    )  # fmt: skip
    following = f"{found[-1].trace}.{found[-1].id}" if len(found) == limit else None
    return Page(rows, following, _total(connection, keys, after, total, len(rows), limit))


@lru_cache(maxsize=1000)  # many rows have the same
def _tags(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _page(keys: Keys, after: str | None, limit: int) -> Select[Any]:
    """The keys of one page."""
    query = keys.query
    if after is not None:
        query = query.where(tuple_(*keys.columns) < tuple_(*_key(after, len(keys.columns))))
    return query.order_by(*(column.desc() for column in keys.columns)).limit(_limit(limit))


def _total(connection: Connection, keys: Keys, after: str | None, wanted: bool, found: int, limit: int) -> int | None:
    """How many keys there are, on the first page only; where that is not full, it has them all."""
    if not wanted or after is not None:
        return None
    if found < limit:
        return found
    return connection.execute(select(func.count()).select_from(keys.query.subquery())).scalar_one()


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise UserError(f"a page has 1 to {MOST} rows, not {limit}")
    return limit


def _key(after: str, parts: int) -> Sequence[int]:
    numbers = after.split(".")
    if len(numbers) != parts or not all(number.isascii() and number.isdecimal() for number in numbers):
        raise UserError(f"{after!r} is not the end of a page")
    return [min(int(number), 2**31 - 1) for number in numbers]
