"""Which learning rate and how many steps each method gets: the best on the dev split, over all tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

from benchmarks.effort import plan
from benchmarks.effort.ledger import Ledger, Row, collect

from midcourse.atomic import writing

DATA = Path(__file__).resolve().parents[2] / "docs" / "data" / "effort-tuning.jsonl"


def choose(ledger: Ledger, names: Sequence[str], data: Path = DATA, tuned: Path = plan.TUNED) -> None:
    """Write the choices for which every task has been measured, and the measurements beside the docs."""
    rows = [row for row in ledger.rows() if row["split"] == "dev"]
    chosen = {name: asdict(choice) for name, choice in plan.tuned().items() if choice.learning_rate}
    chosen |= {name: asdict(choice) for name, choice in best(rows, names).items()}
    chosen[plan.DEFAULT.name] = chosen[plan.BATCH.name]  # the same objective
    with writing(tuned) as file:
        json.dump(dict(sorted(chosen.items())), file, indent=2)
        file.write("\n")
    collect(rows, data)


def best(rows: Sequence[Row], names: Sequence[str]) -> dict[str, plan.Choice]:
    """For each method the choice of the best mean quality over the tasks `names`; the first of equals."""
    found: dict[str, plan.Choice] = {}
    for method in plan.METHODS:
        scored = []
        for choice in plan.candidates(method):
            mine = [row for row in rows if row["method"] == method.name and row["choice"] == asdict(choice)]
            by_task = {row["task"]: quality(row) for row in mine}
            if all(name in by_task for name in names):
                scored.append((mean(by_task[name] for name in names), choice))
        if scored:
            found[method.name] = max(scored, key=lambda pair: pair[0])[1]
    return found


def quality(row: Row) -> float:
    """What tuning looks at: whole answers and parts of answers that are right, half and half."""
    return (row["pass_rate"] + row["share"]) / 2
