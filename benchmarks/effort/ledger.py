"""Which cells are done, and who is at work on which: a folder that any number of processes share.

Representation: `cells/KEY.json` is a finished cell, there whole or not at all; whoever works on a cell (or on a chain
of them) holds the file `claims/NAME.lock` locked. The lock is the operating system's, so it goes with its process,
however that ends: a killed worker's cell is free again. Rows of a data file count as done as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from midcourse.atomic import folder, writing

Row = dict[str, Any]


class Ledger:
    """The finished cells in `place`, and those in the file `data` (which is only read)."""

    def __init__(self, place: Path, data: Path | None = None) -> None:
        self.place = place
        folder(place / "cells")
        folder(place / "claims")
        self._known = {row["key"]: row for row in read(data)} if data is not None and data.exists() else {}

    def done(self, key: str) -> bool:
        """Whether this cell needs no more work."""
        return key in self._known or self._file(key).exists()

    def rows(self) -> list[Row]:
        """All finished cells, by their keys."""
        found = dict(self._known)
        for file in (self.place / "cells").glob("*.json"):
            row = json.loads(file.read_text(encoding="utf-8"))
            found[row["key"]] = row
        return [found[key] for key in sorted(found)]

    def write(self, row: Row) -> None:
        """Note a finished cell."""
        with writing(self._file(row["key"])) as file:
            json.dump(row, file, ensure_ascii=False)

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Inside, nobody else works on `name`; False if somebody else does already."""
        lock = self.lock(name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def lock(self, name: str) -> FileLock:
        """A lock to wait for, for what several cells need and one has to make."""
        return FileLock(self.place / "claims" / f"{name}.lock")

    def _file(self, key: str) -> Path:
        return self.place / "cells" / f"{key}.json"


def read(data: Path) -> list[Row]:
    """The rows of a data file."""
    return [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines() if line.strip()]


def collect(rows: list[Row], data: Path) -> None:
    """Write `rows` as a data file: a line a cell, in the order of their keys."""
    with writing(data) as file:
        for row in sorted(rows, key=lambda row: row["key"]):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
