"""Quality against typed tokens: run the grid, tune the methods, or draw what is there.

    python -m benchmarks.effort run [--quick] [--tasks …] [--methods …] [--workers 2]
    python -m benchmarks.effort tune [--tasks …] [--methods …]
    python -m benchmarks.effort report

`run` does what no run before it has done and can be killed at any time; several may share one folder. `tune` chooses
learning rate and steps of each method on the dev split and writes them to tuned.json. `report` writes the tables in
docs/effort.md, the plots in docs/images and the data beside them from whatever is done.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """The command line."""
    options = _options()
    from benchmarks.effort import methods, tasks, workers
    from benchmarks.effort.ledger import Ledger

    if options.command == "report":
        return _report(options)
    arguments = sys.argv[1:]
    if options.workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // options.workers)))
        code = workers.start(arguments, options.workers)
    else:
        names = options.tasks or (tasks.NAMES[:1] if options.quick else tasks.NAMES)
        chosen = [one for name in options.methods or () for one in methods.group(name)] or None
        code = _work(options, names, chosen)
    if code or options.of:
        return code
    if options.command == "tune":
        from benchmarks.effort import tune

        tune.choose(Ledger(options.results, options.data), options.tasks or tasks.NAMES)
        return 0
    return _report(options)


def _work(options: argparse.Namespace, names: list[str], methods: list | None) -> int:
    from benchmarks.effort import plan, workers
    from benchmarks.effort.ledger import Ledger

    many = methods or (plan.FIRST if options.quick or options.start else plan.METHODS)
    if options.command == "tune":
        sizes, cells = plan.TUNING, plan.tuning(names, many)
    else:
        sizes = plan.QUICK if options.quick else plan.START if options.start else plan.FULL
        cells = plan.grid(names, sizes, many)
    cells = [
        cell
        for cell in cells
        if (not options.seeds or cell.seed in options.seeds)
        and (not options.budgets or cell.budget in (0, *options.budgets))
    ]
    ledger = Ledger(options.results, None if options.anew else options.data)
    workers.work(cells, ledger, sizes, options.of or 1, 60 * options.minutes)
    return 0


def _report(options: argparse.Namespace) -> int:
    from benchmarks.effort import report
    from benchmarks.effort.ledger import Ledger

    ledger = Ledger(options.results, None if options.anew else options.data)
    if options.quick:
        sys.stdout.write(report.quick(ledger.rows()))
    else:
        sys.stdout.write(report.write(ledger.rows(), ROOT / "docs", options.data))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.effort", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=["run", "tune", "report"], default="run")
    parser.add_argument("--quick", action="store_true", help="one task, one seed, two budgets: within ten minutes")
    parser.add_argument("--start", action="store_true", help="the first 50 tokens, in rounds of 12 and 25")
    parser.add_argument("--tasks", nargs="+", help="names of tasks; default: all")
    parser.add_argument("--methods", nargs="+", help="names of methods; default: all but the extras")
    parser.add_argument("--seeds", nargs="+", type=int, help="only these seeds")
    parser.add_argument("--budgets", nargs="+", type=int, help="only these budgets, of those there are")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell that would end later")
    parser.add_argument("--results", type=Path, default=ROOT / "runs" / "effort", help="folder of the finished cells")
    parser.add_argument(
        "--data", type=Path, help="cells in it count as done; default: docs/data/effort.jsonl, or effort-tuning.jsonl"
    )
    parser.add_argument("--anew", action="store_true", help="count only cells in --results as done")
    parser.add_argument("--of", type=int, default=0, help=argparse.SUPPRESS)  # how many share the work
    options = parser.parse_args()
    name = "effort-tuning" if options.command == "tune" else "effort"
    options.data = options.data or ROOT / "docs" / "data" / f"{name}.jsonl"
    return options


if __name__ == "__main__":
    sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(Path(__file__).parent))]
    sys.exit(main())
