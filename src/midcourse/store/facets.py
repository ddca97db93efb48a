"""What there is to filter by: each tag, author, attribute and model, with how many have it.

Everything is counted by indexes alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from midcourse.store import tables as t

MOST = 500  # values of one kind: those that most have


@dataclass(frozen=True, slots=True)
class Facet:
    """A value, and how many traces or steers have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """Values with their counts, the most frequent first; `authors` are those of steers, `serves` what steers
    serve."""

    trace_tags: list[Facet]
    steer_tags: list[Facet]
    authors: list[Facet]
    attributes: list[Facet]
    serves: list[Facet]
    models: list[Facet]
    traces: int
    steers: int
    aside: int


def facets(connection: Connection) -> Facets:
    """Everything that can be filtered by."""
    totals = select(func.count(), func.sum(t.traces.c.steers)).select_from(t.traces)
    traces, steers = connection.execute(totals).one()
    aside = select(func.count()).select_from(t.steers).where(t.steers.c.aside)
    return Facets(
        trace_tags=_counted(connection, t.trace_tags.c.tag),
        steer_tags=_counted(connection, t.steer_tags.c.tag),
        authors=_counted(connection, t.steers.c.author),
        attributes=_counted(connection, t.trace_attributes.c.name),
        serves=_counted(connection, t.steer_serves.c.name),
        models=_counted(connection, t.traces.c.model),
        traces=traces,
        steers=int(steers or 0),
        aside=connection.execute(aside).scalar_one(),
    )


def _counted(connection: Connection, column: ColumnElement[Any]) -> list[Facet]:
    number = func.count().label("number")
    query = select(column, number).where(column.is_not(None)).group_by(column).order_by(number.desc(), column)
    return [Facet(*row) for row in connection.execute(query.limit(MOST))]
