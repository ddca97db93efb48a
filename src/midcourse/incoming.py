"""What is on its way into a store: read and checked, and laid aside until all that is wrong with it is known.

Representation: traces in a temporary file without a name, in their order; memory holds two numbers for each, by which
an id that comes again with something else is found, however many files it comes from.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Self

from midcourse.errors import DiskError, InputErrors, Problem
from midcourse.formats import Came
from midcourse.trace import Trace

SHOWN = 200  # problems, and notices
EXAMPLES = 3  # traces that are kept to be shown


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
        self._ids: dict[int, int] = {}  # by the hash of an id: 64 bits of what the trace says, and 32 of where
        self._wheres: list[str] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[Trace, str, int]]:
        """Each trace with the name of its input and the line."""
        self._file.seek(0)
        for _ in range(self.traces):
            trace, where, line = pickle.load(self._file)
            yield trace, self._wheres[where], line

    def add(self, came: Came) -> None:
        """Take what an object gave. Raises `DiskError` where the temporary file cannot grow."""
        if came.line is None:
            self.formats[came.where] = came.format
        if not self._wheres or self._wheres[-1] != came.where:
            self._wheres.append(came.where)
        again = [trace for trace in came.traces if (problem := self._clash(trace, came)) and self._note(problem)]
        for problem in came.problems:
            self._note(problem)
        self._say(came.notices)
        try:
            for trace in came.traces if not again else ():
                pickle.dump((trace, len(self._wheres) - 1, came.line), self._file, pickle.HIGHEST_PROTOCOL)
                self.traces += 1
                self.steers += len(trace.steers)
                if len(self.first) < EXAMPLES:
                    self.first.append(trace)
        except OSError as error:
            raise DiskError(f"{tempfile.gettempdir()} has no room for what is read: {error.strerror}") from error

    def _note(self, problem: Problem) -> bool:
        self.wrong += 1
        if self.wrong <= SHOWN:
            self.problems.append(problem)
        return True

    def _say(self, notices: Sequence[str]) -> None:
        room = SHOWN - len(self.notices)
        self.notices += notices[:room]
        self._more_notices += len(notices[room:])

    def told(self) -> list[str]:
        """All notices, or how many more there were."""
        return [*self.notices, *([f"and {self._more_notices:,} more"] if self._more_notices else [])]

    def listed(self) -> list[Problem]:
        """All problems, or how many more there were."""
        more = self.wrong - len(self.problems)
        return [*self.problems, *([Problem(self.problems[-1].where, f"and {more:,} more problems")] if more else [])]

    def _clash(self, trace: Trace, came: Came) -> Problem | None:
        """What is wrong if another trace had this id before."""
        assert came.line is not None
        said = int.from_bytes(blake2b(repr(trace).encode(errors="surrogatepass"), digest_size=8).digest(), "big")
        here = (came.line << 16 | (len(self._wheres) - 1) & 0xFFFF) << 64 | said
        before = self._ids.setdefault(hash(trace.id), here)
        if before & (1 << 64) - 1 == said:
            return None
        line, where = before >> 80, self._wheres[before >> 64 & 0xFFFF]
        place = f"line {line}" if where == came.where else f"{where}:{line}"
        return Problem(came.where, f"the id {trace.id!r} is that of another trace, in {place}", came.line, "id")


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
