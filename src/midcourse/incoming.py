"""What is on its way into a store: read and checked, and laid aside until all that is wrong with it is known.

Representation: traces in a temporary file without a name (a small one stays in memory), each behind a header with its
id, its input and its line. Memory holds two numbers for each, by which an id that comes again with something else is
found.
"""

from __future__ import annotations

import dataclasses
import pickle
import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple, Self

from midcourse.errors import DiskError, InputErrors, Problem
from midcourse.formats import Came
from midcourse.trace.tree import Span, Steer, Trace
from midcourse.words import counted

SHOWN = 200  # problems, and notices
EXAMPLES = 3  # traces that are kept to be shown
KEPT = 32 << 20  # bytes that stay in memory; more go into a file
_HEADER = struct.Struct("<IQIQ")  # which input, the line, and how many bytes the id and the trace have


class Laid(NamedTuple):
    """A trace that was laid aside: its id, where it came from, and where it lies in the file."""

    id: str
    where: str
    line: int
    at: int
    size: int


class Incoming:
    """See the module. `formats` are by input, `first` are the first few traces. A context manager that lets go of the
    file."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.formats: dict[str, str] = {}
        self.traces = self.steers = self.wrong = 0
        self.first: list[Trace] = []
        self._more_notices = 0
        self._lies: dict[int, int] = {}  # by the hash of an id, where its header lies in the file
        self._wheres: list[str] = []
        self._end = 0
        self._file = tempfile.SpooledTemporaryFile(KEPT)  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Trace]:
        """The traces, in order."""
        return (self.trace(laid) for laid in self.laid())

    def laid(self) -> Iterator[Laid]:
        """What is in the file, in order, without reading the traces themselves."""
        at = 0
        while at < self._end:
            laid = self._laid(at)
            yield laid
            at = laid.at + laid.size

    def trace(self, laid: Laid) -> Trace:
        """The trace itself."""
        self._file.seek(laid.at)
        return unpack(self._file.read(laid.size))

    def add(self, came: Came) -> None:
        """Take what an object gave. Raises `DiskError` where the temporary file cannot grow."""
        if came.line is None:
            self.formats[came.where] = came.format
        if not self._wheres or self._wheres[-1] != came.where:
            self._wheres.append(came.where)
        again = [problem for trace in came.traces if (problem := self._clash(trace, came)) is not None]
        for problem in [*came.problems, *again]:
            self._note(problem)
        self._say(came.notices)
        for trace in came.traces if not again else ():
            self._lay(trace, came.line or 0)
            self.traces += 1
            self.steers += len(trace.steers)
            if len(self.first) < EXAMPLES:
                self.first.append(trace)

    def told(self) -> list[str]:
        """All notices, or how many more there were."""
        return [*self.notices, *([f"and {self._more_notices:,} more"] if self._more_notices else [])]

    def listed(self) -> list[Problem]:
        """All problems, or how many more there were."""
        more = self.wrong - len(self.problems)
        return [
            *self.problems,
            *([Problem(self.problems[-1].where, f"and {counted(more, 'more problem')}")] if more else []),
        ]

    def _note(self, problem: Problem) -> None:
        self.wrong += 1
        if self.wrong <= SHOWN:
            self.problems.append(problem)

    def _say(self, notices: Sequence[str]) -> None:
        room = SHOWN - len(self.notices)
        self.notices += notices[:room]
        self._more_notices += len(notices[room:])

    def _lay(self, trace: Trace, line: int) -> None:
        packed, id = pack(trace), trace.id.encode(errors="surrogatepass")
        self._lies.setdefault(hash(trace.id), self._end)
        try:
            self._file.seek(self._end)
            self._file.write(_HEADER.pack(len(self._wheres) - 1, line, len(id), len(packed)) + id + packed)
        except OSError as error:
            where = tempfile.gettempdir()
            raise DiskError(
                f"{where} cannot be written: {error.strerror}; what is imported lies aside there until all of it has "
                "been read: make room, or set TMPDIR to another folder; nothing was stored"
            ) from error
        self._end += _HEADER.size + len(id) + len(packed)

    def _laid(self, at: int) -> Laid:
        self._file.seek(at)
        where, line, width, size = _HEADER.unpack(self._file.read(_HEADER.size))
        id = self._file.read(width).decode(errors="surrogatepass")
        return Laid(id, self._wheres[where], line, at + _HEADER.size + width, size)

    def _clash(self, trace: Trace, came: Came) -> Problem | None:
        """What is wrong if another trace had this id before."""
        at = self._lies.get(hash(trace.id))
        if at is None or came.line is None:
            return None
        before = self._laid(at)
        if before.id != trace.id or self.trace(before) == trace:
            return None
        place = f"line {before.line}" if before.where == came.where else f"{before.where}:{before.line}"
        return Problem(came.where, f"the id {trace.id!r} is that of another trace, in {place}", came.line, "id")


# A trace as plain tuples: a third of the time and of the bytes that its classes take.
_FIELDS = tuple(field.name for field in dataclasses.fields(Trace) if field.name not in ("spans", "steers"))
_SPAN, _STEER = (attrgetter(*(field.name for field in dataclasses.fields(one))) for one in (Span, Steer))
_STATE = attrgetter(*_FIELDS)


def pack(trace: Trace) -> bytes:
    """`trace` as bytes."""
    parts = _STATE(trace), list(map(_SPAN, trace.spans)), list(map(_STEER, trace.steers))
    return pickle.dumps(parts, pickle.HIGHEST_PROTOCOL)


def unpack(packed: bytes) -> Trace:
    """The trace that was packed."""
    state, spans, steers = pickle.loads(packed)  # nobody else has written this
    said = dict(zip(_FIELDS, state, strict=True))
    return Trace(**said, spans=[Span(*one) for one in spans], steers=[Steer(*one) for one in steers])


def gather(found: Iterable[Came], *, skip_invalid: bool) -> Incoming:
    """What objects gave, all of it. Raises `InputErrors` with all problems, unless those objects are to be skipped."""
    incoming = Incoming()
    try:
        for came in found:
            incoming.add(came)
        if incoming.problems and not skip_invalid:
            raise InputErrors(incoming.listed())
    except BaseException:
        incoming.__exit__()
        raise
    return incoming
