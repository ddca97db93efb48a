"""Trace files: JSON lines that a person can write, and exports that lose nothing.

    {"messages": [{"role": "user", "content": "…"}],
     "output": ["text of the model", {"rejected": "what it wrote", "chosen": "what is right"}, "it goes on"]}

`read` takes all lines of a file or none, unless bad ones are to be skipped, and reports every problem with file, line
and field. `write` puts a whole file in place at once. `trace.schema` says what a line may hold, `trace.export` what an
export adds.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from midcourse.atomic import writing
from midcourse.errors import InputErrors, Problem
from midcourse.trace.export import dump
from midcourse.trace.lines import from_dict
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Trace

__all__ = ["ReadResult", "dump", "from_dict", "lines", "read", "read_lines", "write"]

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\ud[89a-f]", re.IGNORECASE)


class ReadResult(NamedTuple):
    """`lines` is parallel to `traces` and 1-based. `problems` are those of skipped lines; `notices` stopped nothing."""

    traces: list[Trace]
    lines: list[int]
    problems: list[Problem]
    notices: list[str]


def read(path: str | os.PathLike[str], tok: Tokenizer, *, model: str, skip_invalid: bool = False) -> ReadResult:
    """The traces of a file in the tokens of `tok`; `model` names whose tokens they are where a line does not say.

    Raises `InputErrors` with every problem, unless `skip_invalid` leaves the lines out that have one. A file that
    cannot be opened is an error in any case.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            return read_lines(name, file, tok, model=model, skip_invalid=skip_invalid)
    except OSError as error:
        raise InputErrors([Problem(name, f"cannot be read: {error.strerror or error}")]) from error


def read_lines(
    name: str, lines: Iterable[bytes], tok: Tokenizer, *, model: str, skip_invalid: bool = False
) -> ReadResult:
    """The traces of the lines of a file that messages call `name`; see `read`."""
    result = ReadResult([], [], [], [])
    known: dict[str, tuple[int, Trace]] = {}
    for number, line in enumerate(lines, start=1):
        raw = line.removeprefix(_BOM) if number == 1 else line
        if not raw.strip():
            continue
        parsed = _parse(raw)
        if isinstance(parsed, _Broken):
            result.problems.append(Problem(name, parsed.message, number, parsed.field))
            continue
        found = from_dict(parsed.value, tok, model=model)
        result.notices.extend(f"{name}:{number}: {notice}" for notice in found.notices)
        again = [trace for trace in found.traces if known.setdefault(trace.id, (number, trace))[1] != trace]
        result.problems.extend(Problem(name, flaw.message, number, flaw.field) for flaw in found.flaws)
        result.problems.extend(
            Problem(name, f"the id {trace.id!r} is that of another trace, in line {known[trace.id][0]}", number, "id")
            for trace in again
        )
        if not again:
            result.traces.extend(found.traces)
            result.lines.extend([number] * len(found.traces))
    if not result.traces and not result.problems:
        raise InputErrors([Problem(name, "there is no line in it; give one JSON object a line")])
    if result.problems and not skip_invalid:
        raise InputErrors(result.problems)
    return result


def write(path: str | os.PathLike[str], traces: Iterable[Trace], tok: Tokenizer | Callable[[Trace], Tokenizer]) -> int:
    """Write `traces` to a file and return how many; it is there whole or, after an error, as it was before.

    `tok` is their tokenizer, or gives each trace its own. Raises `DiskError` where it cannot be written.
    """
    count = 0
    with writing(Path(path)) as file:
        for line in lines(traces, tok):
            file.write(line)
            count += 1
    return count


def lines(traces: Iterable[Trace], tok: Tokenizer | Callable[[Trace], Tokenizer]) -> Iterator[str]:
    """The lines of a file of `traces`, each with its end."""
    for trace in traces:
        own = tok(trace) if callable(tok) else tok
        yield json.dumps(dump(trace, own), ensure_ascii=False, allow_nan=False) + "\n"


class _Value(NamedTuple):
    value: Any


class _Broken(NamedTuple):
    message: str
    field: str | None = None


def _parse(raw: bytes) -> _Value | _Broken:
    """The JSON of a line, which must be text, say each key once, and hold no half characters."""
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        return _Broken(f"is not UTF-8: {error.reason} at byte {error.start + 1} of the line")
    try:
        value = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return _Broken(f"is not JSON: {error.msg} at character {error.pos + 1} of the line")
    except RecursionError:
        return _Broken("is not JSON that can be read: it is nested too deeply")
    except ValueError as error:
        return _Broken(str(error))
    if _SURROGATE.search(raw) and (field := _half(value)) is not None:
        return _Broken(
            "holds half of a surrogate pair (\\ud800 to \\udfff alone), which is no character", field or None
        )
    return _Value(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"says the key {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"is not JSON: {name} is no number")


def _half(value: Any, path: str = "") -> str | None:
    """Where in `value` a string is that UTF-8 cannot say."""
    if isinstance(value, str):
        return path if any("\ud800" <= char <= "\udfff" for char in value) else None
    inside: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inside = ((f"{path}.{key}" if path else key, one) for key, one in value.items())
        if any(_half(key) is not None for key in value):
            return path
    elif isinstance(value, list):
        inside = ((f"{path}[{number}]", one) for number, one in enumerate(value))
    return next((found for place, one in inside if (found := _half(one, place)) is not None), None)
