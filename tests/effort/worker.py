"""A worker to be killed: `python -m tests.effort.worker PLACE KEY` stops for good in the middle of the cell KEY.

Cells are only noted in PLACE/log, a line each when it begins and when it is done; the rest is the real thing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.effort import cell, workers
from benchmarks.effort.ledger import Ledger, Row
from benchmarks.effort.methods import BATCH, DEFAULT
from benchmarks.effort.plan import FULL, Cell, Choice

CELLS = [
    Cell("cards", method, budget, seed, Choice(1e-3, 40), FULL)
    for seed in (0, 1)
    for method in (BATCH, DEFAULT)
    for budget in (100, 250)
]


def work(place: Path, stop_in: str = "", pause: float = 0.0) -> int:
    """Work through `CELLS` as one of several workers."""

    def note(what: str) -> None:
        with (place / "log").open("a") as log:
            log.write(what + "\n")

    def run(_: Any, one: Cell) -> Row:
        note(f"begin {one.key}")
        if one.key == stop_in:
            (place / "here").touch()
            time.sleep(600)
        time.sleep(pause)
        note(f"done {one.key}")
        return {
            "key": one.key,
            "task": one.task,
            "method": one.method.name,
            "budget": one.budget,
            "seed": one.seed,
            "typed": 0,
            "pass_rate": 0.0,
            "share": 0.0,
            "steers": None,
            "kl": None,
            "seconds": {"all": 1.0},
        }

    workers.Bench = lambda *_: None  # type: ignore[assignment,misc]
    cell.run = run
    return workers.work(CELLS, Ledger(place), FULL)


if __name__ == "__main__":
    work(Path(sys.argv[1]), *sys.argv[2:3], *map(float, sys.argv[3:4]))
