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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from midcourse.atomic import writing
from midcourse.errors import InputErrors, Problem
from midcourse.json_lines import BOM, Broken, parse
from midcourse.trace.export import dump
from midcourse.trace.lines import from_dict
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Trace

__all__ = ["ReadResult", "dump", "from_dict", "lines", "read", "read_lines", "write"]


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
        raw = line.removeprefix(BOM) if number == 1 else line
        if not raw.strip():
            continue
        parsed = parse(raw)
        if isinstance(parsed, Broken):
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
