"""Traces out of their rows: four queries for any number of traces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, select

from midcourse.errors import BadStoreError
from midcourse.store.rows import span_from, steer_from, trace_from
from midcourse.store.tables import runs, spans, steers
from midcourse.trace.tree import Trace


def read(connection: Connection, name: str, rows: Sequence[RowMapping]) -> Iterator[Trace]:
    """The traces of some rows of `traces`, in their order. Raises `BadStoreError` at one that is damaged."""
    numbers = [row["seq"] for row in rows]
    spans_of = _children(connection, numbers, spans, spans.c.id)
    steers_of = _children(connection, numbers, steers, steers.c.id)
    runs_of = _children(connection, numbers, runs, runs.c.steer, runs.c.place)
    for row in rows:
        runs_by_steer: dict[int, list[RowMapping]] = defaultdict(list)
        for run in runs_of[row["seq"]]:
            runs_by_steer[run["steer"]].append(run)
        try:
            yield trace_from(
                row,
                [span_from(span) for span in spans_of[row["seq"]]],
                [steer_from(steer, runs_by_steer[steer["id"]]) for steer in steers_of[row["seq"]]],
            )
        except (ValueError, TypeError) as error:
            raise BadStoreError(
                f"{name}: trace {row['id']} is damaged: {error}; verify the store to see all damage"
            ) from error


def _children(
    connection: Connection, numbers: Sequence[int], table: Table, *order: ColumnElement[int]
) -> dict[int, list[RowMapping]]:
    """The rows of a table that belong to the traces with these numbers, by number."""
    found: dict[int, list[RowMapping]] = defaultdict(list)
    query = select(table).where(table.c.trace.in_(numbers)).order_by(table.c.trace, *order)
    for row in connection.execute(query).mappings():
        found[row["trace"]].append(row)
    return found
