"""Annotate files: every answer is rated once, whatever happens in between.

Rows stream through windows (`batches.py`); each batch of a window goes to the predictor, and what it says into the
journal (`journal.py`). When all is there, the rows are read once more and written with what was predicted of them
(`output.py`). So memory holds a window, a kill costs the batch that was being rated, and the output is there whole or
not at all.

Several processes divide each window's batches among them and meet at its end; the first one writes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midcourse.attributes.annotate import output
from midcourse.attributes.annotate.batches import Batch, Turns, Window, windows
from midcourse.attributes.annotate.journal import Journal
from midcourse.attributes.data import Entry, Reading
from midcourse.attributes.data.read import entries
from midcourse.attributes.predictors.predictor import Prediction, Predictor, source
from midcourse.attributes.rows import digest
from midcourse.errors import MidcourseError
from midcourse.learn.cluster.processes import ALONE, Processes, divide

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Annotated:
    """How much was done: rows of the output, their answers, and how many of those were there from an earlier run."""

    rows: int
    answers: int
    before: int


def annotate(
    predictor: Predictor,
    files: Sequence[Path],
    out: Path,
    total: int,
    *,
    reading: Reading = Reading(predicted="ignore", only=True),  # noqa: B008 - frozen
    turns: Turns = "all",
    how: str = "",
    report: Report = lambda *_: None,
    everyone: Processes = ALONE,
) -> Annotated:
    """Write the rows of `files` to `out` with what `predictor` says of their answers (`output.py` says how).

    `total` is how many rows there are (`data.read.check` has counted them); lines with problems are left out. `how` is
    what the values depend on besides: a run that was stopped goes on only with the same predictor, its weights
    included, and the same `how`. `report` hears what is done, how much of it, and how much there is. Raises `UserError`
    where another run's journal is in the way, `DiskError`, and what the predictor raises.
    """
    work = _Work(predictor, files, reading, turns, Journal(out.with_name(f".{out.name}.annotating")), everyone)
    try:
        everyone.on_main(lambda: work.journal.begin(work.about(how, total)))
        before = work.predict(report, total)
        everyone.on_main(lambda: work.write(out, report, total))
    finally:
        work.journal.close()
    return Annotated(total, work.answers, before)


@dataclass(slots=True)
class _Work:
    """One run; `answers` is how many have been looked at."""

    predictor: Predictor
    files: Sequence[Path]
    reading: Reading
    turns: Turns
    journal: Journal
    everyone: Processes
    answers: int = 0

    def about(self, how: str, total: int) -> dict[str, Any]:
        """All that the result depends on."""
        return {
            "format": 1,
            "data": _content(self.files),
            "reading": self.reading.model_dump(mode="json"),
            "rows": total,
            "turns": self.turns,
            "predictor": self.predictor.name,
            "schema": digest(self.predictor.attributes.model_dump(mode="json")),
            "predictor's weights": source(self.predictor),
            "settings": how,
        }

    def windows(self) -> Iterator[Window[Entry]]:
        """The rows, from the files' beginning."""
        found = entries(self.files, self.predictor.attributes, self.reading)
        return windows(((entry.row, entry) for entry in found), self.turns)

    def predict(self, report: Report, total: int) -> int:
        """Rate what is not rated yet; returns how many answers were."""
        self.journal.look()
        self.everyone.wait()  # nobody adds before all have looked
        before = rows = 0
        for window in self.windows():
            left = [batch for batch in window.batches if batch not in self.journal]
            answers = sum(len(batch.tasks) for batch in window.batches)
            self.answers += answers
            before += answers - sum(len(batch.tasks) for batch in left)
            mine = divide([batch.cost for batch in left], self.everyone.count)[self.everyone.rank]
            for place, number in enumerate(mine):
                report("rows rated", rows + len(window.rows) * place // len(mine), total)
                self.journal.add(left[number], self._rated(left[number], window), self.everyone.rank)
            if left:
                self.everyone.wait()  # so that nobody is hours ahead of the others
            rows += len(window.rows)
        report("rows rated", rows, total)
        return before

    def _rated(self, batch: Batch, window: Window[Entry]) -> list[Prediction]:
        found = self.predictor.predict([task.conversation for task in batch.tasks])
        assert len(found) == len(batch.tasks), f"{self.predictor.name} gave {len(found)} for {len(batch.tasks)} answers"
        for task, one in zip(batch.tasks, found, strict=True):
            if not all(map(math.isfinite, [*one.values.values(), *one.deviation.values()])):
                raise MidcourseError(f"{self.predictor.name} gives what is no number for {window.rows[task.row].place}")
        return found

    def write(self, out: Path, report: Report, total: int) -> None:
        """The output, and the end of the journal."""
        self.journal.look()
        output.write(out, lambda: self._rows(report, total))
        self.journal.end()

    def _rows(self, report: Report, total: int) -> Iterator[dict[str, Any]]:
        done = 0
        for window in self.windows():
            found: list[dict[int, Prediction]] = [{} for _ in window.rows]
            for batch in window.batches:
                for task, one in zip(batch.tasks, self.journal.read(batch), strict=True):
                    found[task.row][task.turn] = one
            for entry, predictions in zip(window.sources, found, strict=True):
                yield output.annotated(entry, dict(sorted(predictions.items())), self.predictor.name)
            done += len(window.rows)
            report("rows written", done, total)


def _content(files: Sequence[Path]) -> str:
    """A short name for what is in `files`, and what they are called, which rows without an id are named after."""
    found = hashlib.blake2b(digest_size=16)
    for path in files:
        found.update(f"{path.name} {path.stat().st_size} ".encode())
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
    return found.hexdigest()
