"""Keys of foreign objects under the names that the format has for them, and what came of it.

Of a name that nothing has in any input the import would lose what was meant by it, so it is an error; only where the
objects have the format's own key anyway is nothing lost, and it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from midcourse.errors import ConfigError, Problem
from midcourse.records import Record

_SHOWN = 12  # keys in a message


class Renaming:
    """See the module. One for all inputs that are read together."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self._there: set[str] = set()  # of the names on either side, those that objects had
        self._keys: dict[str, None] = {}  # the first few keys that they had

    def __call__(self, found: Iterable[Record], where: str) -> Iterator[Record]:
        """The records with their keys renamed; one that already has what another key is to become has a problem."""
        for record in found:
            if not self.names or record.value is None:
                yield record
                continue
            self._there |= record.value.keys() & (self.names.keys() | set(self.names.values()))
            if len(self._keys) <= _SHOWN:
                self._keys |= dict.fromkeys(record.value)
            renamed = {self.names.get(key, key): one for key, one in record.value.items()}
            if len(renamed) == len(record.value):
                yield record._replace(value=renamed)
            else:
                yield record._replace(value=None, problem=self._twice(record, where))

    def absent(self) -> list[str]:
        """The keys that were to be renamed and were in no object."""
        return [name for name in self.names if name not in self._there]

    def notices(self) -> list[str]:
        """What is worth saying when all was read. Raises `ConfigError` where something would be lost."""
        absent = self.absent() if self._keys else []
        known = self._there | {other for name, other in self.names.items() if name in self._there}
        lost = [name for name in absent if self.names[name] not in known]
        if lost:
            raise ConfigError([Problem("--rename", self.said(name)) for name in lost])
        return [f"--rename: {self.said(name)}; what they call {self.names[name]!r} is taken" for name in absent]

    def said(self, name: str) -> str:
        """That a key is not there, and which are."""
        keys = [repr(key) for key in self._keys]
        return f"no object has the key {name!r}; they have {', '.join(keys[:_SHOWN])}{', …' * (len(keys) > _SHOWN)}"

    def _twice(self, record: Record, where: str) -> Problem:
        assert record.value is not None
        by: dict[str, list[str]] = {}
        for key in record.value:
            by.setdefault(self.names.get(key, key), []).append(key)
        name, keys = next((name, keys) for name, keys in by.items() if len(keys) > 1)
        both = " and ".join(map(repr, keys))
        message = f"has {both}, and with --rename all of them are {name!r}: leave the renaming out, or the key"
        return Problem(where, message, record.line, record.place or None)
