"""An epoch of training on steers against TRL's `DPOTrainer`: seconds and memory, as data, a table and a plot.

    python -m benchmarks.training [--full] [--fresh] [--minutes M] [--memory GB]

The default takes about ten minutes of two cores, `--full` about an hour and a half. Each measurement is a process of
its own; both sides take turns. Finished ones are kept in runs/benchmark-training.json, so a killed run goes on where it
was; `--fresh` forgets them. `--minutes` begins no further measurement after that time, `--memory` gives a measurement
no more than that. At the end docs/data/training.json, the tables of docs/benchmarks.md and docs/images/training.png
are written.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.training.cells import Cell, Results, grid

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "runs" / "benchmark-training.json"
SPARE = 1 << 30  # bytes of the free memory that a measurement leaves alone


def main() -> None:
    """Measure what is missing, then write the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--memory", type=float, default=float("inf"))
    given = parser.parse_args()
    if given.fresh:
        KEPT.unlink(missing_ok=True)
    results, started = Results(KEPT), time.monotonic()
    for cell in grid(full=given.full):
        for step in attempts(cell, results):
            if results.get(step) is None:
                if time.monotonic() - started > 60 * given.minutes:
                    sys.stderr.write("time is up; the same command goes on from here\n")
                    raise SystemExit(3)
                results.add(step, run(step, given.memory))
    from benchmarks.training import report

    report.write(results.of(grid(full=given.full)))


def attempts(cell: Cell, results: Results) -> Iterator[Cell]:
    """`cell`, or what takes its place where TRL does not fit into memory.

    A batch that is larger than one that did not fit is left out; for a single pair that does not fit, activations are
    recomputed. To be run one by one: what comes next depends on what came of the last.
    """
    smaller = results.get(dataclasses.replace(cell, batch=cell.batch // 2))
    if cell.side == "trl" and cell.batch > 1 and (smaller is None or "failed" in smaller):
        return
    yield cell
    if cell.side == "trl" and cell.batch == 1 and "failed" in (results.get(cell) or {}):
        yield dataclasses.replace(cell, recompute=True)


def run(cell: Cell, memory: float) -> dict[str, Any]:
    """Measure `cell` in a new process that may have `memory` GB, or what is free."""
    sys.stderr.write(f"{cell.side:9} {cell.shape.length}/{cell.shape.steers}x{cell.shape.traces} {cell.dtype} ")
    sys.stderr.write(f"batch {cell.batch}, recomputing ... " if cell.recompute else f"batch {cell.batch} ... ")
    sys.stderr.flush()
    asked = json.dumps({**dataclasses.asdict(cell), "memory": int(min(memory * 1e9, free_bytes() - SPARE))})
    command = [sys.executable, "-m", "benchmarks.training.child", asked]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.stderr.write(ended.stderr[-4000:])
        raise SystemExit(f"the measurement ended with {ended.returncode}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    sys.stderr.write(f"{found['epoch_seconds']:.2f} s\n" if "epoch_seconds" in found else f"{found['failed']}\n")
    return {"at": at, **found}


def free_bytes() -> int:
    """Memory that a new process can have; much where that cannot be asked."""
    file = Path("/proc/meminfo")
    lines = file.read_text().splitlines() if file.exists() else []
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    return found[0] if found else 1 << 50


if __name__ == "__main__":
    main()
