"""What the docs show of finished cells, and what tuning chooses from them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.effort import plan, plots, report, tables, tasks, tune, verdicts
from benchmarks.effort.ledger import Ledger, collect, read
from benchmarks.effort.methods import BASE, BATCH, METHODS, OBJECTIVES, REWRITES, Method
from benchmarks.effort.plan import Choice

ROOT = Path(__file__).resolve().parents[2]
TITLES = {name: tasks.named(name).title for name in tasks.NAMES}


def finished(cells: list[plan.Cell]) -> list[dict[str, Any]]:
    """Rows for `cells`: the more typed, the better; the later in `METHODS`, the worse."""
    rows = []
    for cell in cells:
        rank = METHODS.index(cell.method)
        rate = 0.0 if cell.method is BASE else round(cell.budget / (cell.budget + 100 * rank), 2)
        kl = 0.01 * rank if cell.method.trains else None
        rows.append(
            {
                "key": cell.key,
                "task": cell.task,
                "method": cell.method.name,
                "budget": cell.budget,
                "seed": cell.seed,
                "split": cell.split,
                "typed": cell.budget,
                "answers": cell.budget // 10,
                "pass_rate": rate,
                "share": rate,
                "steers": 1 - rate,
                "kl": kl,
                "choice": asdict(cell.choice),
                "seconds": {"all": 1.0},
            }
        )
    return rows


ALL = finished(plan.grid(tasks.NAMES, plan.FULL))
FEW = finished([cell for cell in plan.start(tasks.NAMES) if cell.budget])


def test_a_report_is_tables_plots_and_the_data_they_are_made_of(tmp_path: Path) -> None:
    page = "before\n<!-- effort: verdicts -->\nold\n<!-- end of effort: verdicts -->\nafter\n"
    (tmp_path / "effort.md").write_text(page, encoding="utf-8")
    stale = {**ALL[0], "key": "of another grid"}
    said = report.write([*ALL, stale], tmp_path, tmp_path / "data.jsonl")
    assert read(tmp_path / "data.jsonl") == sorted(ALL, key=lambda row: row["key"])
    text = (tmp_path / "effort.md").read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- effort: verdicts -->\n\n| task |")
    assert text.endswith("<!-- end of effort: verdicts -->\nafter\n")
    assert "old" not in text
    for name in ("effort", "effort-quality", "effort-needed", "effort-drift"):
        assert (tmp_path / "images" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert f"{len(ALL)} cells" in said
    report.write(Ledger(tmp_path / "none", tmp_path / "data.jsonl").rows(), tmp_path, tmp_path / "data.jsonl")
    assert (tmp_path / "effort.md").read_text(encoding="utf-8") == text, "the same again from the data alone"


def test_every_marker_of_the_page_is_filled() -> None:
    page = (ROOT / "docs" / "effort.md").read_text(encoding="utf-8")
    names = set(re.findall(r"<!-- effort: (.+) -->", page))
    assert names == set(report.parts(ALL, TITLES))
    assert names == set(re.findall(r"<!-- end of effort: (.+) -->", page))


def test_the_page_shows_the_data_beside_it() -> None:
    """The tables of docs/effort.md are those of docs/data/effort.jsonl."""
    data, page = ROOT / "docs" / "data" / "effort.jsonl", (ROOT / "docs" / "effort.md").read_text(encoding="utf-8")
    again = page
    for name, part in report.parts(read(data), TITLES).items():
        if name != "cells":  # how many there are to be is no part of the data
            again = report.between(again, name, part)
    assert again == page


def test_the_first_tokens_are_no_points_of_the_curves() -> None:
    alone, both = report.parts(ALL, TITLES), report.parts([*ALL, *FEW], TITLES)
    assert both["start"].count("25 tokens | 50 tokens") == len(tasks.NAMES)
    assert {name for name in both if both[name] != alone[name]} == {"start"}
    assert "whole rewrites" in both["start"]
    assert alone["start"] == ""


def test_a_part_of_a_grid_can_be_shown(tmp_path: Path) -> None:
    some = finished([cell for cell in plan.grid(["cards"], plan.FULL) if cell.budget <= 100 and cell.seed == 0][:3])
    table = tables.progress(some, [("cards", "rewrites", 100), ("cards", "rewrites", 250)], {"cards": ""})
    assert table.startswith("3 of 2 cells are done.")
    assert "| whole rewrites | 1 of 2 |" in table
    assert "cards" in report.words(some)
    plots.quality(some, TITLES, tmp_path / "some.png")
    assert (tmp_path / "some.png").exists()


def test_objectives_stand_beside_the_default_on_the_same_cells() -> None:
    tried = [cell for cell in plan.grid(["cards"], plan.FULL, OBJECTIVES) if cell.budget == 250 and cell.seed < 2]
    rows = [{**row, "pass_rate": 0.5, "share": 0.75, "kl": 0.1} for row in finished_as(tried, BATCH)]
    table = tables.objectives([*ALL, *rows])
    assert len(table.splitlines()) == 2 + 4 + len(OBJECTIVES)
    assert "| objective | cards, 250 tokens |" in table
    assert "| `ipo + sft + accepted` | 50% · 75% · 0.10 (2) |" in table
    assert "(3)" not in table, "seeds at which only the others were tried"
    assert tables.objectives(ALL) == ""


def finished_as(cells: list[plan.Cell], rank_of: Method) -> list[dict[str, Any]]:
    """Rows for cells whose methods have no rank of their own."""
    rows = finished([replace(cell, method=rank_of) for cell in cells])
    return [{**row, "key": cell.key, "method": cell.method.name} for row, cell in zip(rows, cells, strict=True)]


def test_what_never_gets_there_is_said() -> None:
    rows = [{**row, "pass_rate": 0.0} if row["method"] == "rounds" else row for row in ALL]
    assert "not reached" in tables.verdicts([verdicts.judge(rows, "cards")])
    assert "never reaches" in report.words(rows)


def tuned(method: str, choice: Choice, task: str, quality: float, kl: float = 1.0) -> dict[str, Any]:
    return {
        "key": f"{method}{choice}{task}",
        "split": "dev",
        "task": task,
        "method": method,
        "choice": asdict(choice),
        "pass_rate": quality,
        "share": quality,
        "kl": kl,
    }


def test_tuning_takes_the_best_mean_over_the_tasks_on_which_everything_was_tried() -> None:
    low, mid, high = plan.BATCHES
    rows = [
        *(tuned("rewrites", low, task, 0.5) for task in "ab"),
        tuned("rewrites", mid, "a", 0.9),
        tuned("rewrites", mid, "b", 0.3),
        tuned("rewrites", high, "a", 0.6),
    ]
    assert tune.best(rows, "ab") == {"rewrites": mid}, "of b one is missing"
    rows.append(tuned("rewrites", high, "b", 0.8))
    assert tune.best(rows, "ab") == {"rewrites": high}
    assert tune.best(rows, "c") == {}


def test_of_what_is_equally_good_tuning_takes_what_drifts_least() -> None:
    low, mid, high = plan.BATCHES
    measured = [(low, 0.60, 0.1), (mid, 0.76, 0.5), (high, 0.80, 2.0)]
    rows = [tuned("rewrites", choice, "a", quality, kl) for choice, quality, kl in measured]
    assert tune.best(rows, "a") == {"rewrites": mid}
    rows[1]["pass_rate"] = 0.5
    assert tune.best(rows, "a") == {"rewrites": high}


def test_what_was_chosen_is_written_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    cells = plan.tuning(["cards"], [BATCH])
    ledger = Ledger(tmp_path)
    for row, cell in zip(finished(cells), cells, strict=True):
        ledger.write({**row, "pass_rate": float(cell.choice == plan.BATCHES[2])})
    tune.choose(ledger, ["cards"], tmp_path / "tuning.jsonl", file)
    chosen = json.loads(file.read_text(encoding="utf-8"))
    assert chosen[BATCH.name] == asdict(plan.BATCHES[2])
    assert chosen[REWRITES.name] == asdict(plan.tuned()[REWRITES.name])
    assert len(read(tmp_path / "tuning.jsonl")) == len(cells)
    collect([], tmp_path / "tuning.jsonl")
    assert read(tmp_path / "tuning.jsonl") == []
