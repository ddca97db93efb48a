"""Working through cells: one process takes one cell after the other, and any number of them share a ledger.

A line on stderr after each cell says what came of it and how long the rest will take. A cell that another process has
claimed is passed by; what is left when all are claimed is theirs. A killed process leaves nothing but what it finished.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.effort import cell as cells
from benchmarks.effort.ledger import Ledger, Row
from benchmarks.effort.material import Bench
from benchmarks.effort.plan import Cell, Sizes


def work(todo: Sequence[Cell], ledger: Ledger, sizes: Sizes, workers: int = 1, seconds: float = float("inf")) -> int:
    """Do what nobody has done or is doing, in order; how many cells that were. `workers` of us share the rest.

    No cell is begun that will probably not be done within `seconds` from now.
    """
    bench: Bench | None = None
    ends = time.monotonic() + seconds
    count, passed = 0, True
    while passed:  # again from the beginning: what was claimed may have been left by a worker that was killed
        passed = False
        for one in todo:
            if ledger.done(one.key) or time.monotonic() + seconds_left([one], ledger.rows()) > ends:
                continue
            with ledger.claim(one.claim) as mine:
                if not mine or ledger.done(one.key):
                    continue
                bench = bench or Bench(ledger, sizes)
                row = cells.run(bench, one)
                ledger.write(row)
            count, passed = count + 1, True
            say(row, todo, ledger, workers)
    return count


def say(row: Row, todo: Sequence[Cell], ledger: Ledger, workers: int) -> None:
    """One line: this cell, and the time that is left."""
    kl = "" if row["kl"] is None else f", drift {row['kl']:.2f}"
    needed = "" if row["steers"] is None else f", {row['steers']:.2f} steers an answer"
    rest = [one for one in todo if not ledger.done(one.key)]
    left = seconds_left(rest, ledger.rows()) / workers
    sys.stderr.write(
        f"{time.strftime('%H:%M')} {len(todo) - len(rest)}/{len(todo)} {row['task']} · {row['method']} · "
        f"seed {row['seed']} · {row['typed']} of {row['budget']} tokens: {row['pass_rate']:.0%} pass, "
        f"{row['share']:.0%} right{needed}{kl} · {row['seconds']['all']:.0f} s · {words(left)} left\n"
    )
    sys.stderr.flush()


def seconds_left(rest: Sequence[Cell], rows: Sequence[Row]) -> float:
    """What the cells in `rest` will take, from those of the same method and budget, or else from all."""
    took: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        took.setdefault((row["method"], row["budget"]), []).append(row["seconds"]["all"])
    usual = statistics.mean([seconds for times in took.values() for seconds in times]) if took else 0.0
    means = {kind: statistics.mean(times) for kind, times in took.items()}
    return sum(means.get((one.method.name, one.budget), usual) for one in rest)


def words(seconds: float) -> str:
    """A duration to the minute."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def start(arguments: Sequence[str], workers: int) -> int:
    """Run this program with `arguments` in `workers` processes; the first bad exit code of theirs, or 0."""
    command = [sys.executable, str(Path(__file__).parent), *arguments, "--workers", "1", "--of", str(workers)]
    children = [subprocess.Popen(command) for _ in range(workers)]
    try:
        codes = [child.wait() for child in children]
    except BaseException:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
        raise
    return next((code for code in codes if code), 0)
