"""A trace as rows of the tables, and rows as a trace. Pure functions: no connection here.

Representation: `…_row` gives the values of one row; digests are 16 bytes of BLAKE2b over what is stored. Those of spans
and of steers are chains (each link covers the one before), so appending needs only the last one.
Invariant: `trace_from(rows of a trace)` equals the trace; a digest depends on nothing but the stored values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from midcourse.store import snippets
from midcourse.store.codec import (
    pack_ids,
    pack_logprobs,
    pack_points,
    unpack_ids,
    unpack_logprobs,
    unpack_points,
)
from midcourse.store.snippets import Decode
from midcourse.trace.tree import Run, Span, Steer, Trace

Row = dict[str, Any]
NOTHING = bytes(16)  # the digest of no spans, and of no steers

_SPAN = ("id", "parent", "fork", "source", "ids", "logprobs")
_ORIGIN = ("id", "messages", "prompt", "model", "tokenizer", "end_ids")
_STATE = ("history", "cursor", "finished", "attributes", "tags", "weight", "author", "created", "spans", "steers")
# What may be changed in a steer after it is stored.
ANNOTATIONS = ("reason", "tags", "weight", "author", "created", "aside", "serves")
# What earlier versions of the store did not know: it is digested only where it is not the default.
_LATER = ("aside", "serves")


def span_row(trace: int, span: Span) -> Row:
    """The row of a span in the trace with the number `trace`."""
    return {
        "trace": trace,
        "id": span.id,
        "parent": span.parent,
        "fork": span.fork,
        "source": span.source,
        "ids": pack_ids(span.ids),
        "logprobs": pack_logprobs(span.logprobs),
    }


def span_from(row: Mapping[Any, Any]) -> Span:
    """The span of a row. Raises `ValueError` for bytes that are damaged."""
    ids = unpack_ids(row["ids"])
    return Span(row["id"], row["parent"], row["fork"], ids, row["source"], unpack_logprobs(row["logprobs"], len(ids)))


def steer_row(trace: int, steer: Steer) -> Row:
    """The row of a steer, without its runs and texts."""
    return {
        "trace": trace,
        "id": steer.id,
        "ends": steer.ends,
        "reason": steer.reason,
        "tags": to_json(steer.tags),
        "weight": _real(steer.weight),
        "author": steer.author,
        "created": steer.created,
        "aside": steer.aside,
        "serves": to_json(steer.serves),
    }


def text_row(texts: snippets.Texts) -> Row:
    """The columns of a steer's row that hold its texts."""
    rejected = None if texts.rejected is None else to_json(texts.rejected)
    return {"context": texts.context, "chosen": texts.chosen, "rejected": rejected}


def run_rows(trace: int, steer: Steer) -> list[Row]:
    """The rows of a steer's runs: place 0 is the chosen one."""
    placed = [(0, steer.chosen)] if steer.chosen else []
    return [
        {"trace": trace, "steer": steer.id, "place": place, **run._asdict()}
        for place, run in [*placed, *enumerate(steer.rejected, 1)]
    ]


def steer_from(row: Mapping[Any, Any], runs: Iterable[Mapping[Any, Any]]) -> Steer:
    """The steer of a row and its runs in order of their place."""
    placed = [(run["place"], Run(run["span"], run["start"], run["stop"])) for run in runs]
    return Steer(
        row["id"],
        next((run for place, run in placed if place == 0), None),
        tuple(run for place, run in placed if place > 0),
        row["ends"],
        row["reason"],
        tuple(json.loads(row["tags"])),
        row["weight"],
        row["author"],
        row["created"],
        row["aside"],
        tuple(json.loads(row["serves"])),
    )


def origin_row(trace: Trace) -> Row:
    """The columns of a trace that never change, with their digest."""
    row = {
        "id": trace.id,
        "messages": to_json(trace.messages),
        "prompt": pack_ids(trace.prompt),
        "model": trace.model,
        "tokenizer": trace.tokenizer,
        "end_ids": pack_ids(sorted(trace.end_ids)),
    }
    return {**row, "origin": origin_digest(row)}


def state_row(trace: Trace, decode: Decode | None) -> Row:
    """The columns of a trace that move as it grows, without the digests. Without `decode` the answer has no text."""
    title, answer = snippets.of_messages(trace.messages), snippets.of_answer(trace, decode)
    return {
        "history": pack_points(trace.history),
        "cursor": trace.cursor,
        "finished": trace.finished,
        "attributes": to_json(trace.attributes),
        "tags": to_json(trace.tags),
        "weight": _real(trace.weight),
        "author": trace.author,
        "created": trace.created,
        "spans": len(trace.spans),
        "steers": len(trace.steers),
        "tokens": trace.depth(trace.head),
        "steered": bool(trace.steers),
        "title": title,
        "answer": answer,
        "words": snippets.searchable(title, answer),
    }


def trace_from(row: Mapping[Any, Any], spans: list[Span], steers: list[Steer]) -> Trace:
    """The trace of a row, with its spans and steers. Raises `ValueError` for bytes or JSON that are damaged."""
    return Trace(
        id=row["id"],
        messages=json.loads(row["messages"]),
        prompt=unpack_ids(row["prompt"]),
        model=row["model"],
        tokenizer=row["tokenizer"],
        end_ids=frozenset(unpack_ids(row["end_ids"])),
        spans=spans,
        steers=steers,
        history=unpack_points(row["history"]),
        cursor=row["cursor"],
        finished=row["finished"],
        attributes=json.loads(row["attributes"]),
        tags=tuple(json.loads(row["tags"])),
        weight=row["weight"],
        author=row["author"],
        created=row["created"],
    )


# ---- digests -----------------------------------------------------------------------------------------------------


def spans_digest(before: bytes, rows: Iterable[Mapping[Any, Any]]) -> bytes:
    """The chain `before` with the rows of further spans."""
    for row in rows:
        before = _digest(before, *(row[name] for name in _SPAN))
    return before


def steers_digest(before: bytes, steers: Iterable[Steer]) -> bytes:
    """The chain `before` with further steers."""
    for steer in steers:
        row = steer_row(0, steer)
        said = [row[name] for name in ANNOTATIONS if name not in _LATER or getattr(steer, name)]
        runs = [(run["place"], run["span"], run["start"], run["stop"]) for run in run_rows(0, steer)]
        before = _digest(before, steer.id, steer.ends, runs, *said)
    return before


def origin_digest(row: Mapping[Any, Any]) -> bytes:
    """Of what never changes in a trace."""
    return _digest(*(row[name] for name in _ORIGIN))


def state_digest(row: Mapping[Any, Any]) -> bytes:
    """Of a whole trace: its row must hold the three other digests."""
    return _digest(row["origin"], row["spans_digest"], row["steers_digest"], *(row[name] for name in _STATE))


def _digest(*values: object) -> bytes:
    # ascii(), unlike repr(), does not depend on the Unicode version of this Python.
    return blake2b(ascii(values).encode(), digest_size=16).digest()


def to_json(value: Sequence[Any] | Mapping[str, Any]) -> str:
    """Compact JSON. Raises `ValueError` for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except TypeError as error:
        raise ValueError(str(error)) from error


def _real(value: float) -> float:
    return float(value) + 0.0  # SQLite returns −0.0 as 0.0
