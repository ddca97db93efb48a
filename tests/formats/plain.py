"""A trace as a person would write it: what formats are compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from midcourse.formats import Came, Reading, inputs, read
from midcourse.trace.export import view
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Trace
from tests.tokenizers import get


def plain(trace: Trace, tok: Tokenizer | None = None) -> dict[str, Any]:
    """Messages and output, and what else the trace says; no ids."""
    found = view(trace, tok or get("byte-level"))
    said: dict[str, Any] = {"messages": trace.messages, **{key: _said(value) for key, value in found.items()}}
    for name in ("attributes", "author", "created"):
        if getattr(trace, name):
            said[name] = getattr(trace, name)
    if trace.tags:
        said["tags"] = list(trace.tags)
    return said


def _said(value: Any) -> Any:
    """Without ids, and a text that says nothing else as a string."""
    if isinstance(value, list):
        return [_said(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _said(one) for key, one in value.items() if key not in ("ids", "steer", "source")}
    if isinstance(kept.get("chosen"), dict) and kept.get("end"):
        kept["chosen"] = kept["chosen"]["text"]
    return kept["text"] if kept.keys() == {"text"} else kept


def came(path: Path, tok: Tokenizer | None = None, **reading: Any) -> list[Came]:
    """What the objects of a file gave."""
    return list(read(inputs([path]), tok or get("byte-level"), Reading(**reading), model="any"))


def taken(path: Path, tok: Tokenizer | None = None, **reading: Any) -> list[dict[str, Any]]:
    """The traces of a file that has no problem, as a person would write them."""
    found = came(path, tok, **reading)
    assert [str(problem) for one in found for problem in one.problems] == []
    return [plain(trace, tok) for one in found for trace in one.traces]


def problems(path: Path, tok: Tokenizer | None = None, **reading: Any) -> list[str]:
    """What is wrong with a file, without its name."""
    return [str(problem).removeprefix(str(path)) for one in came(path, tok, **reading) for problem in one.problems]


def written(path: Path, *objects: Any) -> Path:
    """A file of JSON lines; a text is written as it is."""
    return write(path, (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in objects))


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
