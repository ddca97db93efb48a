"""Rows from files: every format, one row at a time, and all that is wrong with them together.

A file is read twice: first only to check it, so that whoever takes the rows never meets a bad line after hours of work.
Nothing is held but a row at a time and, while checking, a number for each id that a file gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from midcourse.attributes.data import helpsteer, nemo, oasst, plain, ultrafeedback
from midcourse.attributes.data.line import Draft, Line
from midcourse.attributes.data.settings import Reading
from midcourse.attributes.rows import Row, group_of
from midcourse.attributes.schema import Schema
from midcourse.errors import ConfigError, InputErrors, Problem
from midcourse.records import Record, records
from midcourse.words import counted

FORMATS: dict[str, ModuleType] = {
    "plain": plain,
    "helpsteer": helpsteer,
    "oasst": oasst,
    "nemo": nemo,
    "ultrafeedback": ultrafeedback,
}
SHOWN = 200  # problems of one file

Paths = Path | str | Sequence[Path | str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, and `raw`: the object as it was read; where it gives several rows, this row in the plain format.

    `line` is 1-based, in `path`; in a Parquet file it is the row. `more` are the keys of `raw` that say nothing of the
    row.
    """

    raw: dict[str, Any]
    row: Row
    path: Path
    line: int
    more: dict[str, Any] = field(default_factory=dict)


def read(
    paths: Paths,
    schema: Schema,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    *,
    skip_invalid: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Entry]:
    """The rows of files, in order, with the attributes of `schema`; each answer's values are on its scales.

    Raises `InputErrors` at once, before the first row, with every problem of every file, unless `skip_invalid` leaves
    lines out that have one. `tell` is told what was left out, and why.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    check(files, schema, reading, skip_invalid=skip_invalid, tell=tell)
    return entries(files, schema, reading)


def entries(files: Sequence[Path], schema: Schema, reading: Reading) -> Iterator[Entry]:
    """The rows of files that `check` has looked at; lines with problems are left out."""
    return (entry for path in files for entry in _File(path, schema, reading).entries())


def rows(
    paths: Paths,
    schema: Schema,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    *,
    skip_invalid: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """What `read` gives, all at once."""
    return [entry.row for entry in read(paths, schema, reading, skip_invalid=skip_invalid, tell=tell)]


def check(
    files: Sequence[Path],
    schema: Schema,
    reading: Reading,
    *,
    skip_invalid: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """How many rows there are in `files`.

    Raises `InputErrors` as `read` does, and `ConfigError` for a name to rename that nothing is rated in.
    """
    problems: list[Problem] = []
    count, told, given = 0, Counter[str](), set[str]()
    for path in files:
        file = _File(path, schema, reading)
        found = sum(1 for _ in file.entries())
        if not found and not file.problems:
            file.problems.append(Problem(str(path), f"there is no row in it{file.why}"))
        if file.more:
            file.problems.append(Problem(str(path), f"and {counted(file.more, 'more problem')}"))
        problems += file.problems
        count, told, given = count + found, told + file.notes, given | file.given
    if count and (lost := [name for name in reading.rename if name not in given]):
        names = ", ".join(sorted(given)) or "nothing"
        raise ConfigError([Problem("--rename", f"no answer is rated in {name!r}, but in {names}") for name in lost])
    for note, times in told.items():
        tell(f"{times:,} × {note}")
    if problems and not (skip_invalid and count):
        raise InputErrors(problems)
    for problem in problems:
        tell(f"{problem}; left out")
    return count


class _File:
    """A file being read. `problems` are of lines that give no row; `notes` counts what was left out on purpose."""

    def __init__(self, path: Path, schema: Schema, reading: Reading) -> None:
        self.path, self.schema, self.reading = path, schema, reading
        self.problems: list[Problem] = []
        self.more = 0
        self.notes: Counter[str] = Counter()
        self.ids: dict[int, int] = {}  # hashes of the ids that the file gives, and their lines
        self.given: set[str] = set()  # names that answers are rated under
        self.format: ModuleType | None = FORMATS.get(reading.format)

    @property
    def why(self) -> str:
        """What was left out, for a file that has nothing else."""
        return "".join(f"; {times:,} × {note}" for note, times in self.notes.items())

    def entries(self) -> Iterator[Entry]:
        """The rows; problems and notes grow meanwhile."""
        for record in self._gathered(records(self.path)):
            if record.value is None:
                assert record.problem
                self._wrong(record.problem)
                continue
            if self.format is None and not self._recognise(record):
                return
            assert self.format
            line = Line(record.value, self.schema, self.reading, self._note)
            drafts: list[Draft] = self.format.drafts(line)
            self.given |= line.given
            for place, message in line.flaws:
                self._wrong(Problem(str(self.path), message, record.line, place or None))
            if not line.flaws:
                yield from self._placed(drafts, record.line)

    def _gathered(self, found: Iterable[Record]) -> Iterator[Record]:
        """Lines that only together are one object, put together."""
        return oasst.gathered(found, str(self.path))

    def _recognise(self, record: Record) -> bool:
        """Whether the first object says which format it is. Without one nothing else in the file can be read."""
        value = record.value or {}
        self.format = next((one for one in FORMATS.values() if one.looks(value)), None)
        if self.format is None:
            keys = ", ".join(map(str, list(value)[:8])) or "nothing"
            message = f"is of no format that is known (it has {keys}); formats are {', '.join(FORMATS)}"
            self._wrong(Problem(str(self.path), message, record.line))
        return self.format is not None

    def _placed(self, drafts: Sequence[Draft], line: int) -> Iterator[Entry]:
        for number, draft in enumerate(drafts):
            if draft.id and (first := self.ids.setdefault(hash(draft.id), line)) != line:
                self._wrong(Problem(str(self.path), f"is the id of line {first} already", line, "id"))
                continue
            place = f"{self.path}:{line}" + (f".{number + 1}" if len(drafts) > 1 else "")
            row = Row(
                turns=draft.turns,
                id=draft.id or f"{self.path.name}{place.removeprefix(str(self.path))}",
                group=draft.group or group_of(draft.turns),
                place=place,
                weight=draft.weight,
            )
            raw = draft.raw if draft.raw is not None else plain.dump(row)
            yield Entry(raw, row, self.path, line, {} if draft.raw is None else self._more(raw))

    def _more(self, raw: dict[str, Any]) -> dict[str, Any]:
        known, rename = getattr(self.format, "KEYS", ()), self.reading.rename
        return {
            key: value for key, value in raw.items() if key not in known and rename.get(key, key) not in self.schema
        }

    def _wrong(self, problem: Problem) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append(problem)
        else:
            self.more += 1

    def _note(self, note: str) -> None:
        self.notes[note] += 1
