"""What is written for a trace: all of it when it is new, otherwise only what it has beyond the stored one.

Invariant: nothing that is stored is written again, except where a trace stands (its head, tags and the like) and the
annotations of a steer (reason, tags, weight, author, aside, serves). Spans, runs and the conversation never change.
Which steers are on the path to the head is noted anew at each save.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Table, delete, select, update
from sqlalchemy import insert as insert_into

from midcourse.errors import StoreError
from midcourse.store import snippets
from midcourse.store.reading import read
from midcourse.store.rows import (
    ANNOTATIONS,
    NOTHING,
    Row,
    origin_row,
    run_rows,
    span_row,
    spans_digest,
    state_digest,
    state_row,
    steer_row,
    steers_digest,
    text_row,
)
from midcourse.store.snippets import Decode
from midcourse.store.tables import (
    runs,
    spans,
    steer_serves,
    steer_tags,
    steer_words,
    steers,
    trace_attributes,
    trace_tags,
    traces,
)
from midcourse.trace.tree import Span, Steer, Trace, problems


@dataclass(frozen=True, slots=True)
class Stored:
    """The spans and steers that a trace has in the store, and their digests there."""

    spans: tuple[Span, ...]
    steers: tuple[Steer, ...]
    spans_digest: bytes
    steers_digest: bytes

    @classmethod
    def of(cls, row: Mapping[Any, Any], trace: Trace) -> Stored:
        """Of a trace that has just been written to, or read from, `row`."""
        return cls(tuple(trace.spans), tuple(trace.steers), row["spans_digest"], row["steers_digest"])

    def is_of(self, row: Mapping[Any, Any]) -> bool:
        """Whether the store still holds just this."""
        return (self.spans_digest, self.steers_digest) == (row["spans_digest"], row["steers_digest"])


def find(connection: Connection, ids: Sequence[str]) -> dict[str, RowMapping]:
    """The rows of those of these traces that are stored, locked until the transaction ends."""
    rows = connection.execute(select(traces).where(traces.c.id.in_(ids)).order_by(traces.c.seq).with_for_update())
    return {row["id"]: row for row in rows.mappings()}


def insert(connection: Connection, name: str, new: Sequence[Trace], decode: Decode | None) -> list[Stored]:
    """Store traces that are not there yet."""
    if not new:
        return []
    rows = []
    for trace in new:
        _refuse(name, trace, problems(trace))
        try:
            digests = {
                "spans_digest": spans_digest(NOTHING, [span_row(0, span) for span in trace.spans]),
                "steers_digest": steers_digest(NOTHING, trace.steers),
            }
            row = {**origin_row(trace), **state_row(trace, decode), **digests}
        except ValueError as error:
            raise StoreError(f"{name}: trace {trace.id} cannot be stored: {error}") from error
        rows.append({**row, "digest": state_digest(row)})
    query = insert_into(traces).returning(traces.c.seq, sort_by_parameter_order=True)
    numbers = connection.execute(query, rows).scalars().all()
    _insert_children(connection, [(seq, trace, 0, 0) for seq, trace in zip(numbers, new, strict=True)], decode)
    numbered = list(zip(numbers, new, strict=True))
    _insert_all(connection, trace_tags, (row for seq, trace in numbered for row in _tags(seq, trace)))
    _insert_all(connection, trace_attributes, (row for seq, trace in numbered for row in _attributes(seq, trace)))
    return [Stored.of(row, trace) for row, trace in zip(rows, new, strict=True)]


def goes_on(
    connection: Connection, name: str, row: RowMapping, trace: Trace, decode: Decode | None
) -> Literal["known", "noted", "grown", "clashing"]:
    """Append to a stored trace what `trace` has beyond it; `known` if that is nothing.

    `noted` if that is nothing but other tags, weights and the like, of which the stored ones stay. `clashing` if they
    contradict each other, or each has something that the other has not. Nothing was written then.
    """
    if (len(trace.spans), len(trace.steers)) == (row["spans"], row["steers"]) and _same(row, trace):
        return "known" if _about(row) == _about(state_row(trace, None)) else "noted"
    [stored] = read(connection, name, [row])
    fewer = min(len(stored.spans), len(trace.spans)), min(len(stored.steers), len(trace.steers))
    alike = stored.spans[: fewer[0]] == trace.spans[: fewer[0]]
    alike = alike and list(map(_said, stored.steers[: fewer[1]])) == list(map(_said, trace.steers[: fewer[1]]))
    if not alike or origin_row(trace)["origin"] != row["origin"]:
        return "clashing"
    if len(trace.spans) <= len(stored.spans) and len(trace.steers) <= len(stored.steers):
        same = stored.steers[: fewer[1]] == trace.steers and _about(row) == _about(state_row(trace, None))
        return "known" if same else "noted"
    if fewer != (len(stored.spans), len(stored.steers)):
        return "clashing"
    append(connection, name, row, Stored.of(row, stored), trace, decode)
    return "grown"


def append(
    connection: Connection, name: str, row: RowMapping, before: Stored, trace: Trace, decode: Decode | None
) -> Stored:
    """Bring the stored trace of `row`, which holds what `before` says, up to `trace`."""
    known_spans, known_steers = len(before.spans), len(before.steers)
    if len(trace.spans) < known_spans or len(trace.steers) < known_steers:
        raise StoreError(f"{name}: trace {trace.id} has grown elsewhere since it was read; read it again")
    for old, new in zip(before.spans, trace.spans, strict=False):
        if old is not new and old != new:
            raise StoreError(
                f"{name}: span {old.id} of trace {trace.id} differs from the stored one; spans never change"
            )
    noted = [new for old, new in zip(before.steers, trace.steers, strict=False) if old is not new and old != new]
    for steer in noted:
        if _said(steer) != _said(before.steers[steer.id]):
            raise StoreError(
                f"{name}: steer {steer.id} of trace {trace.id} differs from the stored one; runs never change"
            )
    _refuse(name, trace, problems(trace, spans=known_spans, steers=0 if noted else known_steers))

    seq = row["seq"]
    try:
        origin = origin_row(trace)["origin"]
        state = state_row(trace, decode)
        further = [span_row(seq, span) for span in trace.spans[known_spans:]]
        if noted:
            after = steers_digest(NOTHING, trace.steers)
        else:
            after = steers_digest(before.steers_digest, trace.steers[known_steers:])
    except ValueError as error:
        raise StoreError(f"{name}: trace {trace.id} cannot be stored: {error}") from error
    if origin != row["origin"]:
        raise StoreError(f"{name}: the conversation or the model of trace {trace.id} differs from the stored one")
    if decode is None:  # keep what is there
        state.update(answer=row["answer"], words=snippets.searchable(state["title"], row["answer"]))
    state.update(origin=origin, spans_digest=spans_digest(before.spans_digest, further), steers_digest=after)
    state["digest"] = state_digest(state)
    connection.execute(update(traces).where(traces.c.seq == seq), state)
    if state["tags"] != row["tags"]:
        connection.execute(delete(trace_tags).where(trace_tags.c.trace == seq))
        _insert_all(connection, trace_tags, _tags(seq, trace))
    if state["attributes"] != row["attributes"]:
        connection.execute(delete(trace_attributes).where(trace_attributes.c.trace == seq))
        _insert_all(connection, trace_attributes, _attributes(seq, trace))
    _insert_children(connection, [(seq, trace, known_spans, known_steers)], decode)
    for steer in noted:
        _note(connection, seq, steer)
    if known_steers:
        _note_path(connection, seq, trace)
    return Stored.of(state, trace)


def _insert_children(
    connection: Connection, grown: Sequence[tuple[int, Trace, int, int]], decode: Decode | None
) -> None:
    """Insert the spans and steers of traces (number, trace, spans there, steers there) in the order of their keys."""
    _insert_all(
        connection, spans, (span_row(seq, span) for seq, trace, first, _ in grown for span in trace.spans[first:])
    )
    fresh = [(seq, trace, steer) for seq, trace, _, first in grown for steer in trace.steers[first:]]
    if not fresh:
        return
    texts = [snippets.of_steer(trace, steer, decode) for _, trace, steer in fresh]
    standing = {seq: trace.on_path() for seq, trace, _, _ in grown}
    _insert_all(
        connection,
        steers,
        (
            {**steer_row(seq, steer), **text_row(read), "kind": steer.kind, "abandoned": not standing[seq][steer.id]}
            for (seq, _, steer), read in zip(fresh, texts, strict=True)
        ),
    )
    _insert_all(connection, runs, chain.from_iterable(run_rows(seq, steer) for seq, _, steer in fresh))
    _insert_all(connection, steer_tags, chain.from_iterable(_steer_tags(seq, steer) for seq, _, steer in fresh))
    _insert_all(connection, steer_serves, chain.from_iterable(_steer_serves(seq, steer) for seq, _, steer in fresh))
    _insert_all(
        connection,
        steer_words,
        (_steer_words(seq, steer, read) for (seq, _, steer), read in zip(fresh, texts, strict=True)),
    )


def _note(connection: Connection, seq: int, steer: Steer) -> None:
    """Store the changed annotations of a steer."""
    here = (steers.c.trace == seq) & (steers.c.id == steer.id)
    said = steer_row(seq, steer)
    found = (steer_words.c.trace == seq) & (steer_words.c.steer == steer.id)
    before = snippets.searchable(connection.execute(select(steers.c.reason).where(here)).scalar_one())
    words = connection.execute(select(steer_words.c.words).where(found)).scalar_one()
    texts = words.removesuffix(before).removesuffix("\n") if before else words  # the reason stands behind them
    connection.execute(update(steers).where(here).values({name: said[name] for name in ANNOTATIONS}))
    connection.execute(update(steer_words).where(found), {"words": snippets.searchable(texts, steer.reason)})
    connection.execute(delete(steer_tags).where(steer_tags.c.trace == seq, steer_tags.c.steer == steer.id))
    _insert_all(connection, steer_tags, _steer_tags(seq, steer))
    connection.execute(delete(steer_serves).where(steer_serves.c.trace == seq, steer_serves.c.steer == steer.id))
    _insert_all(connection, steer_serves, _steer_serves(seq, steer))


def _note_path(connection: Connection, seq: int, trace: Trace) -> None:
    """Store which steers are no longer, and which are again, on the path to the head."""
    here = steers.c.trace == seq
    left = set(connection.execute(select(steers.c.id).where(here, steers.c.abandoned)).scalars())
    leaves = {number for number, on_path in enumerate(trace.on_path()) if not on_path}
    for changed, abandoned in ((leaves - left, True), (left - leaves, False)):
        numbers = sorted(changed)
        for start in range(0, len(numbers), 500):
            some = steers.c.id.in_(numbers[start : start + 500])
            connection.execute(update(steers).where(here, some).values(abandoned=abandoned))


def _insert_all(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    if rows := list(rows):
        connection.execute(insert_into(table), rows)


def _tags(seq: int, trace: Trace) -> list[Row]:
    return [{"tag": tag, "trace": seq} for tag in sorted(set(trace.tags))]


def _attributes(seq: int, trace: Trace) -> list[Row]:
    return [{"name": name, "trace": seq, "value": float(value)} for name, value in sorted(trace.attributes.items())]


def _steer_tags(seq: int, steer: Steer) -> list[Row]:
    return [{"tag": tag, "trace": seq, "steer": steer.id} for tag in sorted(set(steer.tags))]


def _steer_serves(seq: int, steer: Steer) -> list[Row]:
    return [{"name": name, "trace": seq, "steer": steer.id} for name in sorted(set(steer.serves))]


def _steer_words(seq: int, steer: Steer, texts: snippets.Texts) -> Row:
    words = snippets.searchable(texts.context, *texts.sides, steer.reason)
    return {"trace": seq, "steer": steer.id, "words": words}


def _same(row: Mapping[Any, Any], trace: Trace) -> bool:
    """Whether the store holds just these spans and steers, without reading them."""
    spans_here = spans_digest(NOTHING, [span_row(0, span) for span in trace.spans])
    here = origin_row(trace)["origin"], spans_here, steers_digest(NOTHING, trace.steers)
    return here == (row["origin"], row["spans_digest"], row["steers_digest"])


def _about(row: Mapping[Any, Any]) -> list[Any]:
    """What is said of a trace, and may be changed."""
    return [row[name] for name in ("tags", "attributes", "weight", "author", "created")]


def _said(steer: Steer) -> tuple[object, ...]:
    """What never changes in a steer."""
    return steer.id, steer.chosen, steer.rejected, steer.ends


def _refuse(name: str, trace: Trace, found: Sequence[str]) -> None:
    if found:
        raise StoreError(f"{name}: trace {trace.id} is not sound, nothing was stored: {'; '.join(found)}")
