"""Traces from files of any format, one object at a time, and all that is wrong with each.

What goes in is recognised by its first object, or told. Native lines go to `trace.lines` as they are; all others are
made into such lines first. Nothing is held but an object at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from midcourse.errors import Problem, UserError
from midcourse.formats import edited_chat, native
from midcourse.formats.item import Item
from midcourse.formats.known import FORMATS
from midcourse.formats.renaming import Renaming
from midcourse.formats.settings import Reading
from midcourse.records import Record, records
from midcourse.records.read import called
from midcourse.trace.lines import from_dict
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Trace


class Input(NamedTuple):
    """Something to read: how messages call it, and its objects."""

    name: str
    records: Iterable[Record]


class Came(NamedTuple):
    """What one object gave: traces, or problems. `notices` are worth saying, and stop nothing.

    At the end of each input comes one without a line, with what concerns all of it.
    """

    where: str
    line: int | None
    traces: Sequence[Trace] = ()
    problems: Sequence[Problem] = ()
    notices: Sequence[str] = ()
    format: str = ""


def inputs(sources: Sequence[Path | str], original: Path | str | None = None) -> list[Input]:
    """Files, folders, `-` and `datasets://…` as inputs; see `midcourse.records`.

    `original` holds the same conversations as the one source, as they were before they were edited. Raises `UserError`
    for more than one source then.
    """
    found = [Input(called(source), records(source)) for source in sources]
    if original is None:
        return found
    if len(found) != 1:
        raise UserError(f"{original} is the original of one file, and {len(found)} were given; import them one by one")
    ((name, edited),) = found
    return [Input(name, edited_chat.joined(edited, records(original), name, called(original)))]


def read(
    found: Iterable[Input],
    tok: Tokenizer,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    *,
    model: str,
) -> Iterator[Came]:
    """What comes of every object of every input, in order; `model` names whose tokens they are where they don't say.

    Raises `InputErrors` for an input that cannot be read at all, `ConfigError` for a key that is to be renamed and was
    in none of them.
    """
    renaming, recognised, file = Renaming(reading.rename), True, None
    for one in found:
        file = _File(one, tok, reading, model, renaming)
        yield from file.came()
        recognised = recognised and file.format != "auto"
    if file is not None and recognised and (notices := renaming.notices()):
        yield Came(file.name, None, notices=notices, format=file.format)


class _File:
    """An input being read."""

    def __init__(self, found: Input, tok: Tokenizer, reading: Reading, model: str, renaming: Renaming) -> None:
        self.found, self.tok, self.reading, self.model, self.renaming = found, tok, reading, model, renaming
        self.name = found.name
        self.notes: Counter[str] = Counter()
        self.format: str = reading.format

    def came(self) -> Iterator[Came]:
        """What each object gave, then the rest."""
        records, anything = self.renaming(self.found.records, self.name), False
        for first in records:
            anything = True
            if first.value is None:
                yield self._wrong(first, first.problem)
            elif self.format == "auto" and (unknown := self._recognise(first)):
                yield self._wrong(first, unknown)
                return
            else:
                yield from self._objects(chain([first], records), FORMATS[self.format])
        empty = [] if anything else [Problem(self.name, "there is no line in it; give one JSON object a line")]
        notices = [f"{self.name}: {times:,} × {note}" for note, times in self.notes.items()]
        yield Came(self.name, None, [], empty, notices, self.format)

    def _objects(self, records: Iterator[Record], format: ModuleType) -> Iterator[Came]:
        """What objects of `format` gave, after those of its lines that only together are one were put together."""
        gathered = getattr(format, "gathered", None)
        for record in records if gathered is None else gathered(records, self.name):
            if record.value is None:
                yield self._wrong(record, record.problem)
            else:
                yield self._object(record, format)

    def _object(self, record: Record, format: ModuleType) -> Came:
        assert record.value is not None
        item = Item(record.value, self.tok, self.reading, self._note)
        natives = format.natives(item)
        problems = [self._problem(record, *flaw) for flaw in item.flaws]
        traces: list[Trace] = []
        notices: list[str] = []
        for one in natives if not problems else ():
            lined = from_dict(one.line, self.tok, model=self.model)
            problems += [self._problem(record, one.placed(flaw.field), flaw.message) for flaw in lined.flaws]
            notices += [f"{self.name}:{record.line}: {notice}" for notice in lined.notices]
            traces += lined.traces
        if problems and (other := self._another(record.value, format)):
            problems = [self._problem(record, None, other)]
        return Came(self.name, record.line, [] if problems else traces, problems, notices, self.format)

    def _another(self, value: dict[str, object], format: ModuleType) -> str | None:
        """What is wrong with an object that is of another format than the one that it is read as."""
        if format.looks(value):
            return None
        other = next((name for name, one in FORMATS.items() if one.looks(value)), None)
        if other is None:
            return None
        if self.reading.format == "auto":
            return f"is of the format {other}, and what came before of {self.format}: give each a file of its own"
        return f"is not of the format {self.format}, but looks like {other}: leave --format out, or give that"

    def _recognise(self, record: Record) -> Problem | None:
        """Find the format. Without one nothing else of the input can be read."""
        value = record.value or {}
        looking = (name for name, format in FORMATS.items() if format.looks(value))
        self.format = next(looking, "native" if _nearly(value) else "auto")
        if self.format == "native" and _unsteered(value):
            message = (
                "is a conversation in which nothing is steered; --original names the file from before it was edited"
            )
            return self._problem(record, None, message)
        if self.format != "auto":
            return None
        keys = ", ".join(map(str, list(value)[:8])) or "nothing"
        message = (
            f"is of no format that is known (it has {keys}); give --format, one of {', '.join(FORMATS)}, "
            "and --rename where only the keys are called otherwise"
        )
        if absent := self.renaming.absent():
            message += f"; it has no {', '.join(map(repr, absent))} to rename"
        return self._problem(record, None, message)

    def _problem(self, record: Record, field: str | None, message: str, line: int | None = None) -> Problem:
        place = ".".join(part for part in (record.place, field) if part)
        return Problem(self.name, message, line or record.line, place or None)

    def _wrong(self, record: Record, problem: Problem | None) -> Came:
        assert problem
        return Came(self.name, record.line, [], [problem], [], self.format)

    def _note(self, note: str) -> None:
        self.notes[note] += 1


def _nearly(value: dict[str, object]) -> bool:
    """Whether an object is probably meant to be native: then what is wrong with it is said."""
    return bool(value.keys() & {"messages", "output"}) or not value


def _unsteered(value: dict[str, object]) -> bool:
    """Whether an object is a plain conversation that ends with an answer."""
    messages = value.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    plain = isinstance(last, dict) and last.get("role") == "assistant" and isinstance(last.get("content"), str)
    return plain and value.keys() <= {"messages", "id", "model", "tags", "system"} and not native.looks(value)
