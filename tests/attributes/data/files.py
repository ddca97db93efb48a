"""Files of rated conversations for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from midcourse.attributes.data import Reading, read
from midcourse.attributes.rows import Row
from midcourse.attributes.schema import Schema

HELPSTEER = Schema.load("helpsteer")
OASST = Schema.load("oasst")


def written(path: Path, *objects: object) -> Path:
    """A JSONL file of `objects`; a string is a line as it is."""
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in objects]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def rows(path: Path, schema: Schema = HELPSTEER, **reading: Any) -> list[Row]:
    return [entry.row for entry in read(path, schema, Reading(**reading))]


def values(row: Row) -> dict[str, float]:
    """Of the last turn."""
    return row.last.values


def flat(prompt: str = "What is a fjord?", response: str = "An inlet.", **ratings: Any) -> dict[str, Any]:
    """A row as HelpSteer has it."""
    return {"prompt": prompt, "response": response, **ratings}
