"""What has been predicted so far: kept beside the output until that is there, batch by batch.

Representation: a folder. `about.json` says what is annotated with what. Each process adds to a file of its own, a JSON
line a batch, in one write. A line that a killed process did not finish is no line, and its batch is still to be done.

Invariants: a batch stands in at most one line; which file it is in means nothing, so any number of processes can go on
where any other number was. A folder of other data or of another predictor is refused, and so is one that somebody works
in at the moment.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from midcourse.atomic import append, writing
from midcourse.atomic import folder as make
from midcourse.attributes.annotate.batches import Batch
from midcourse.attributes.predictors.predictor import Prediction
from midcourse.errors import ConfigError, Problem, UserError
from midcourse.lock import lock

ABOUT, LOCK = "about.json", "lock"


class Journal:
    """See the module. `begin` is for one process alone, the rest for all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: IO[str] | None = None
        self._mine: IO[bytes] | None = None
        self._places: dict[int, tuple[Path, int]] = {}

    # ---- one process ---------------------------------------------------------------------------------------------

    def begin(self, about: Mapping[str, Any]) -> None:
        """Take the folder for this run, and make it where it is not there.

        Raises `UserError` where it belongs to another run, `DiskError` where it cannot be.
        """
        make(self.folder)
        self._lock = (self.folder / LOCK).open("a+")
        try:
            lock(self._lock)
        except OSError:
            raise UserError(f"{self.folder}: this is being annotated at the moment, by another process") from None
        path = self.folder / ABOUT
        if not path.exists():
            with writing(path) as file:
                file.write(json.dumps(about, indent=2) + "\n")
            return
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
            different = [name for name in about if there.get(name) != about[name]]
        except (ValueError, AttributeError) as error:
            raise self._damaged(path, error) from None
        if different:
            raise UserError(
                f"{self.folder} was begun with something else ({', '.join(different)} differ): remove it to begin "
                "anew, or name another file to write"
            )

    def end(self) -> None:
        """Remove it: the output is there."""
        self.close()
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Let go of the folder, which stays as it is."""
        for file in (self._mine, self._lock):
            if file is not None:
                file.close()
        self._mine = self._lock = None

    # ---- every process -------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Find out which batches are there. Raises `ConfigError` where a line is damaged."""
        self._places = {}
        for path in sorted(self.folder.glob("share-*.jsonl")):
            for offset, line in _lines(path):
                try:
                    number = json.loads(line)["batch"]
                except (ValueError, TypeError, KeyError) as error:
                    raise self._damaged(path, error) from None
                self._places.setdefault(number, (path, offset))

    def __contains__(self, batch: Batch) -> bool:
        return batch.number in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, batch: Batch, predictions: Sequence[Prediction], rank: int) -> None:
        """Keep what was predicted, parallel to the batch's tasks."""
        if self._mine is None:  # unbuffered: a kill finds a line whole or not
            self._mine = _to_add(self.folder / f"share-{rank}.jsonl")
        line = {
            "batch": batch.number,
            "digest": batch.digest,
            "found": [[dict(one.values), dict(one.deviation)] for one in predictions],
        }
        append(self._mine, json.dumps(line, allow_nan=False).encode() + b"\n", self.folder)

    def read(self, batch: Batch) -> list[Prediction]:
        """What was predicted of a batch that is there. Raises `UserError` where it holds other texts by now."""
        path, offset = self._places[batch.number]
        with path.open("rb") as file:
            file.seek(offset)
            line = json.loads(file.readline())
        if line["digest"] != batch.digest or len(line["found"]) != len(batch.tasks):
            raise UserError(f"the data has changed while it was annotated; remove {self.folder} to begin anew")
        return [Prediction(values, deviation) for values, deviation in line["found"]]

    def _damaged(self, path: Path, error: Exception) -> ConfigError:
        return ConfigError([Problem(str(path), f"is damaged ({error!r}); remove {self.folder} to begin anew")])


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Where each whole line begins, and the line."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, line
            offset += len(line)


def _to_add(path: Path) -> IO[bytes]:
    """The file, unbuffered, behind its last whole line."""
    whole = max((offset + len(line) for offset, line in _lines(path)), default=0) if path.exists() else 0
    file = open(path, "r+b" if path.exists() else "w+b", buffering=0)  # noqa: SIM115 - kept open
    os.truncate(file.fileno(), whole)
    file.seek(whole)
    return file
