"""The grid of measurements, and the file that keeps each one as it finishes.

A `Cell` is one measurement: one side, one shape, one dtype, one repeat. What is in the file and still true (same code,
same libraries, same machine) is not measured again, so a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks.training import machine
from benchmarks.training.pairs import Shape

SOURCES = Path(__file__).resolve().parents[2] / "src" / "midcourse"
LEARNING = ("learn", "models")  # what "ours" depends on


@dataclass(frozen=True)
class Cell:
    """`side` is "midcourse" or "trl"; `batch`, `limit` (tokens of a sample) and `recompute` concern TRL alone."""

    side: str
    shape: Shape
    dtype: str = "float32"
    repeat: int = 0
    batch: int = 0
    limit: int = 0
    recompute: bool = False

    @property
    def key(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Comparison:
    """Both sides on one shape; `batches` are what TRL is tried with, from small to large; none: ours alone."""

    shape: Shape
    dtype: str = "float32"
    batches: tuple[int, ...] = (1,)
    ours: int = 3
    theirs: int = 1
    limit: int = 10_000

    def cells(self) -> Iterator[Cell]:
        """One side after the other in turns."""
        ours = [Cell("midcourse", self.shape, self.dtype, repeat) for repeat in range(self.ours)]
        theirs = [
            Cell("trl", self.shape, self.dtype, repeat, batch, self.limit)
            for repeat in range(self.theirs)
            for batch in self.batches
        ]
        for pair in zip_longest(ours, theirs):
            yield from (cell for cell in pair if cell is not None)


STEERS = tuple(Shape(2048, steers) for steers in (4, 8, 16, 32, 64, 128))  # growth on one trace
TRACES = tuple(Shape(512, 16, traces) for traces in (1, 2, 4, 8))  # growth with traces
QUICK = (
    Comparison(Shape(256, 4), batches=(1, 2)),
    Comparison(Shape(1024, 32)),
    *(Comparison(shape, batches=(), ours=2) for shape in STEERS[3::2]),
)
FULL = (
    Comparison(Shape(1024, 32), batches=(1, 2)),
    Comparison(Shape(2048, 100), ours=2),
    Comparison(Shape(256, 4), batches=(1, 2)),
    Comparison(Shape(2048, 32), limit=5_000),
    Comparison(Shape(2048, 128), limit=5_000),
    Comparison(Shape(1024, 32), "bfloat16", ours=2, limit=5_000),
    *(Comparison(shape, batches=(), ours=2) for shape in (*STEERS, *TRACES)),
    Comparison(Shape(4096, 128), ours=2),
    Comparison(Shape(2048, 100), "bfloat16", ours=2, limit=5_000),
    Comparison(Shape(1024, 4), ours=2),
    Comparison(Shape(4096, 32), ours=2),
)


def grid(*, full: bool) -> list[Cell]:
    """All cells in the order in which they are measured, each once."""
    return list(dict.fromkeys(cell for comparison in (FULL if full else QUICK) for cell in comparison.cells()))


class Results:
    """Cells and their results in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.environment = machine.environment()
        self.code = _digest()
        self.found: dict[str, dict[str, Any]] = {}
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))["cells"]
            self.found = {json.dumps(one["cell"]): one for one in kept if self._still_true(one)}

    def _still_true(self, one: dict[str, Any]) -> bool:
        theirs = one["cell"]["side"] == "trl"
        return one["environment"] == self.environment and (theirs or one["code"] == self.code)

    def get(self, cell: Cell) -> dict[str, Any] | None:
        return self.found.get(cell.key)

    def of(self, cells: Iterable[Cell]) -> list[dict[str, Any]]:
        """What was measured of `cells`, also where TRL had to recompute, in the order in which it was measured."""
        wanted = {one.key for cell in cells for one in (cell, replace(cell, recompute=True))}
        return [one for key, one in self.found.items() if key in wanted]

    def add(self, cell: Cell, result: dict[str, Any]) -> None:
        """Keep it, and write the file anew, whole."""
        made = {"cell": asdict(cell), **result, "environment": self.environment, "code": self.code}
        self.found[cell.key] = json.loads(json.dumps(made))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps({"cells": list(self.found.values())}, indent=1) + "\n", encoding="utf-8")
        os.replace(part, self.file)


def _digest() -> str:
    """A fingerprint of the code that "ours" measures."""
    seen = hashlib.sha256()
    for name in LEARNING:
        path = SOURCES / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            seen.update(file.read_bytes())
    return seen.hexdigest()[:12]
