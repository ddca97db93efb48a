"""Checking everything that is stored.

The database checks itself first (pages, indexes, foreign keys), then every trace is read again, a few at a time:
bytes, numbering, counts, digests, tags, and every invariant of `midcourse.trace.tree`. What is
wrong is reported, never mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, select

from midcourse.errors import MidcourseError, Problem, StoreError
from midcourse.store import schema
from midcourse.store.database import Database
from midcourse.store.reading import read
from midcourse.store.rows import NOTHING, origin_digest, span_row, spans_digest, state_digest, steers_digest
from midcourse.store.tables import (
    runs,
    steer_serves,
    steer_tags,
    steer_words,
    steers,
    trace_attributes,
    trace_tags,
    traces,
)
from midcourse.trace.tree import Trace, problems

_BATCH = 64


def verify(database: Database) -> Iterator[Problem]:
    """Yield everything that is wrong in a store, as it is found; nothing for a sound one."""
    name = database.name
    try:
        with database.reading() as connection:
            schema.check(connection, name)
            if database.is_sqlite:
                yield from _sqlite(connection, name)
    except MidcourseError as error:
        yield Problem(name, _without(name, error))
        return
    seq, size = -1, _BATCH
    while True:
        later = select(traces).where(traces.c.seq > seq).order_by(traces.c.seq)
        try:
            with database.reading() as connection:
                rows = connection.execute(later.limit(size)).mappings().all()
                found = list(_traces(connection, name, rows))
        except StoreError as error:
            if size > 1:
                size = 1  # find the one that cannot even be fetched
                continue
            yield Problem(name, f"the trace after number {seq} cannot be fetched: {_without(name, error)}")
            try:
                with database.reading() as connection:
                    seq, size = connection.execute(later.with_only_columns(traces.c.seq).limit(1)).scalar_one(), _BATCH
            except MidcourseError:
                return  # the table itself ends here
            continue
        yield from found
        if not rows:
            return
        seq = rows[-1]["seq"]


def _without(name: str, error: Exception) -> str:
    """The message of an error, which already begins with the name that a `Problem` says too."""
    return str(error).removeprefix(f"{name}: ")


def _sqlite(connection: Connection, name: str) -> Iterator[Problem]:
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if message != "ok":
            yield Problem(name, message)
    for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Problem(name, f"a row refers to one of {parent!r} that is not there", field=table)


def _traces(connection: Connection, name: str, rows: Sequence[RowMapping]) -> Iterator[Problem]:
    numbers = [row["seq"] for row in rows]
    run_count = _counts(connection, numbers, runs)
    word_count = _counts(connection, numbers, steer_words)
    tags = _pairs(connection, numbers, trace_tags, trace_tags.c.tag)
    attributes = _pairs(connection, numbers, trace_attributes, trace_attributes.c.name, trace_attributes.c.value)
    listed = _pairs(connection, numbers, steers, steers.c.id, steers.c.kind, steers.c.abandoned)
    tags_of_steers = _pairs(connection, numbers, steer_tags, steer_tags.c.steer, steer_tags.c.tag)
    served = _pairs(connection, numbers, steer_serves, steer_serves.c.steer, steer_serves.c.name)
    for row, trace in _read(connection, name, rows):
        if isinstance(trace, str):
            yield Problem(name, trace, field=f"trace {row['id']}")
            continue
        number = row["seq"]
        messages = list(_trace(row, trace))
        if run_count.get(number, 0) != sum(len(s.rejected) + (s.chosen is not None) for s in trace.steers):
            messages.append("there are runs of steers that do not exist")
        if word_count.get(number, 0) != len(trace.steers):
            messages.append("the words to search in do not belong to its steers")
        if tags.get(number, set()) != {(tag,) for tag in trace.tags}:
            messages.append("its tags cannot be searched for: the index of tags differs")
        if tags_of_steers.get(number, set()) != {(steer.id, tag) for steer in trace.steers for tag in steer.tags}:
            messages.append("the tags of its steers cannot be searched for: the index of tags differs")
        if served.get(number, set()) != {(steer.id, name) for steer in trace.steers for name in steer.serves}:
            messages.append("what its steers serve cannot be searched for: the index differs")
        if {pair[0]: pair[1] for pair in attributes.get(number, ())} != trace.attributes:
            messages.append("its attributes cannot be searched for: the index of attributes differs")
        if not messages and listed.get(number, set()) != {
            (steer.id, steer.kind, not on_path) for steer, on_path in zip(trace.steers, trace.on_path(), strict=True)
        }:
            messages.append("its steers are listed wrongly by kind, or by whether they are on the path to the head")
        for message in messages:
            yield Problem(name, message, field=f"trace {row['id']}")


def _read(connection: Connection, name: str, rows: Sequence[RowMapping]) -> Iterator[tuple[RowMapping, Trace | str]]:
    """Each row's trace, or what keeps it from being read."""
    try:
        yield from zip(rows, list(read(connection, name, rows)), strict=True)
    except StoreError as error:
        if len(rows) == 1:
            yield rows[0], str(error.__cause__)
        else:
            for row in rows:
                yield from _read(connection, name, [row])


def _trace(row: RowMapping, trace: Trace) -> Iterator[str]:
    if row["spans"] != len(trace.spans):
        yield f"{len(trace.spans)} of {row['spans']} spans are there"
    if row["steers"] != len(trace.steers):
        yield f"{len(trace.steers)} of {row['steers']} steers are there"
    if origin_digest(row) != row["origin"]:
        yield "the conversation, the model or the prompt is not what was stored"
    if spans_digest(NOTHING, [span_row(0, span) for span in trace.spans]) != row["spans_digest"]:
        yield "the spans are not what was stored"
    if steers_digest(NOTHING, trace.steers) != row["steers_digest"]:
        yield "the steers are not what was stored"
    if state_digest(row) != row["digest"]:
        yield "the head, the attributes, the tags or the like are not what was stored"
    if row["steered"] != bool(row["steers"]):
        yield "it is listed wrongly as steered or not"
    found = problems(trace)
    yield from found
    if not found and row["tokens"] != trace.depth(trace.head):
        yield f"it is listed with {row['tokens']} tokens, and has {trace.depth(trace.head)}"


def _counts(connection: Connection, numbers: Sequence[int], table: Table) -> dict[int, int]:
    query = select(table.c.trace, func.count()).where(table.c.trace.in_(numbers)).group_by(table.c.trace)
    return {row[0]: row[1] for row in connection.execute(query)}


def _pairs(
    connection: Connection, numbers: Sequence[int], table: Table, *columns: ColumnElement[Any]
) -> dict[int, set[tuple[object, ...]]]:
    found: dict[int, set[tuple[object, ...]]] = {}
    for number, *values in connection.execute(select(table.c.trace, *columns).where(table.c.trace.in_(numbers))):
        found.setdefault(number, set()).add(tuple(values))
    return found
