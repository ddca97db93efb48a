"""Rows as Parquet: a few hundred in memory at a time, and one schema for each kind of row.

Messages are a role and a text there; a content that is no text is written as JSON, and what else a message may have
(tool calls) stands only in the traces, which are whole lines of our own format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from midcourse.errors import UserError
from midcourse.outgoing.spelling import Spelling
from midcourse.outgoing.tally import Tally
from midcourse.trace.display import NEAR, behind, side
from midcourse.trace.export import dump
from midcourse.trace.text import to_text
from midcourse.trace.tree import Message, Trace

BATCH = 500

_IDS, _TEXTS = ["token"], ["text"]  # lists of these
_FROM = {"trace": "text", "steer": "token", "conversation": "messages", "before": "text"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "preference": {
        "prompt": "text", "chosen": "text", "rejected": "text",
        "prompt_ids": _IDS, "chosen_ids": _IDS, "rejected_ids": _IDS, **_FROM,
    },
    "kto": {
        "prompt": "text", "completion": "text", "label": "bool", "prompt_ids": _IDS, "completion_ids": _IDS, **_FROM
    },
    "sft": {
        "input_ids": _IDS, "labels": _IDS,
        "trace": "text", "steers": _IDS, "prompt_tokens": "token", "conversation": "messages",
    },
    "steers": {
        "trace": "text", "steer": "token", "kind": "text", "prompt": "text", "before": "text", "chosen": "text",
        "rejected": _TEXTS, "end": "bool", "rejected_ends": ["bool"],
        "reason": "text", "tags": _TEXTS, "serves": _TEXTS, "weight": "number",
        "aside": "bool", "accepted": "bool", "author": "text", "created": "text", "source": "text", "model": "text",
        "attributes": "text", "conversation": "messages",
        "context_ids": _IDS, "chosen_ids": _IDS, "rejected_ids": [_IDS],
    },
    "traces": {
        "id": "text", "model": "text", "steers": "token", "tokens": "token", "finished": "bool", "answer": "text",
        "conversation": "messages", "native": "text",
    },
}  # fmt: skip


class Parquet:
    """A Parquet file being written, by rows of one kind. Raises `UserError` without pyarrow."""

    def __init__(self, path: Path, kind: str) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise UserError("Parquet is written with pyarrow: pip install 'midcourse[parquet]'") from None
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(name, self._type(one)) for name, one in SCHEMAS[kind].items()])
        self._file = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._held: list[dict[str, Any]] = []
        self.rows = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row."""
        self._held.append({**row, "conversation": [_message(one) for one in row["conversation"]]})
        self.rows += 1
        if len(self._held) >= BATCH:
            self._flush()

    def __enter__(self) -> Parquet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: BaseException | TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._held:
            self._file.write_table(self._arrow.Table.from_pylist(self._held, schema=self._schema))
            self._held = []

    def _type(self, one: Any) -> Any:
        arrow = self._arrow
        if isinstance(one, list):
            return arrow.list_(self._type(one[0]))
        kinds = {"text": arrow.string(), "token": arrow.int32(), "bool": arrow.bool_(), "number": arrow.float64()}
        return kinds.get(one) or arrow.list_(arrow.struct([("role", arrow.string()), ("content", arrow.string())]))


def steers(path: Path, spelt: Iterable[tuple[Trace, Spelling]], tally: Tally) -> None:
    """A table with a row for each steer, also for those that nothing is trained on."""
    with Parquet(path, "steers") as table:
        for trace, spell in spelt:
            for row in steer_rows(trace, spell, tally):
                table.add(row)
        tally.rows = table.rows


def steer_rows(trace: Trace, spell: Spelling, tally: Tally) -> Iterator[dict[str, Any]]:
    """All that is known of each steer. `accepted`: the final answer has it; `attributes` is JSON; ends are no text."""
    prompt, on_path = spell.text(trace.prompt), trace.on_path()
    for steer in trace.steers:
        tally.steers += 1
        context, run = trace.context(steer), steer.chosen or steer.rejected[0]
        chosen = trace.run_ids(steer.chosen) if steer.chosen else None
        rejected = [trace.run_ids(one) for one in steer.rejected]

        answer = context[len(trace.prompt) :]
        before = spell.text(answer)
        if not behind(lambda some: to_text(spell.tok, some), answer[-NEAR:], trace.run_ids(run))[0].endswith("\ufffd"):
            before = before.rstrip("\ufffd")  # of a character that the sides have whole
        yield {
            "trace": trace.id,
            "steer": steer.id,
            "kind": steer.kind,
            "prompt": prompt,
            "before": before,
            "chosen": None if chosen is None else side(spell.tok, answer, chosen),
            "rejected": [side(spell.tok, answer, ids) for ids in rejected],
            "end": steer.ends,
            "rejected_ends": [ids[-1] in trace.end_ids for ids in rejected],
            "reason": steer.reason,
            "tags": [*trace.tags, *steer.tags],
            "serves": steer.serves,
            "weight": steer.weight * trace.weight,
            "aside": steer.aside,
            "accepted": on_path[steer.id],
            "author": steer.author or trace.author,
            "created": steer.created or trace.created,
            "source": trace.spans[run.span].source,
            "model": trace.model,
            "attributes": json.dumps(trace.attributes, ensure_ascii=False),
            "conversation": trace.messages,
            "context_ids": context,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
        }


def trace_row(trace: Trace, spell: Spelling) -> dict[str, Any]:
    """A trace as a line of our own format, with a few facts to look for it by."""
    answer = trace.answer(trace.head)
    return {
        "id": trace.id,
        "model": trace.model,
        "steers": len(trace.steers),
        "tokens": len(answer),
        "finished": trace.finished,
        "answer": spell.text(answer),
        "conversation": trace.messages,
        "native": json.dumps(dump(trace, spell.tok), ensure_ascii=False, allow_nan=False),
    }


def _message(message: Message) -> dict[str, str]:
    content = message.get("content")
    return {
        "role": str(message.get("role")),
        "content": content if isinstance(content, str) else json.dumps(content, ensure_ascii=False),
    }
