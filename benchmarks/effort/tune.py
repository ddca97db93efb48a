"""Which learning rate and how many steps each method gets: the best on the dev split, over all tasks.

Among those that are as good as the best one as far as so few prompts can tell, it is the one that drifts least.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

from benchmarks.effort import plan
from benchmarks.effort.ledger import Ledger, Row, collect

from midcourse.atomic import writing

NOISE = 0.05  # of the quality: less than a standard error over the prompts of one task
DATA = Path(__file__).resolve().parents[2] / "docs" / "data" / "effort-tuning.jsonl"


def choose(ledger: Ledger, names: Sequence[str], data: Path = DATA, tuned: Path = plan.TUNED) -> None:
    """Write what is best so far, and all measurements beside the docs."""
    rows = [row for row in ledger.rows() if row["split"] == "dev"]
    chosen = {method.name: asdict(plan.tuned()[method.name]) for method in plan.METHODS if method.trains}
    chosen |= {name: asdict(choice) for name, choice in best(rows, names).items()}
    with writing(tuned) as file:
        json.dump(dict(sorted(chosen.items())), file, indent=2)
        file.write("\n")
    collect(rows, data)


def best(rows: Sequence[Row], names: Sequence[str]) -> dict[str, plan.Choice]:
    """For each method the choice that drifts least, of those whose mean quality is the best one's.

    The mean is over those of the tasks `names` on which all of the method's candidates have been tried.
    """
    found: dict[str, plan.Choice] = {}
    for method in plan.METHODS:
        tried = {(row["task"], plan.Choice(**row["choice"])): row for row in rows if row["method"] == method.name}
        choices = plan.candidates(method)
        known = [name for name in names if choices and all((name, choice) in tried for choice in choices)]
        if not known:
            continue
        scored = [
            (
                mean(quality(tried[name, choice]) for name in known),
                mean(tried[name, choice]["kl"] for name in known),
                choice,
            )
            for choice in choices
        ]
        enough = max(quality for quality, _, _ in scored) - NOISE
        found[method.name] = min((one for one in scored if one[0] >= enough), key=lambda one: one[1])[2]
    return found


def quality(row: Row) -> float:
    """What tuning looks at: whole answers and parts of answers that are right, half and half."""
    return (row["pass_rate"] + row["share"]) / 2
