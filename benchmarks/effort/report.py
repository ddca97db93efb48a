"""What the docs show of the finished cells: tables between markers, plots, and the data they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.effort import plan, plots, tables, tasks, tune, verdicts
from benchmarks.effort.ledger import Row, collect, read
from benchmarks.effort.methods import BATCH, DEFAULT, EXTRAS, METHODS, REWRITES

from midcourse.atomic import writing

PLOTS = {
    "plot": ("effort", "Right answers against typed tokens on every task: steers and whole rewrites"),
    "plot of quality": ("effort-quality", "Answers that pass against typed tokens: every method"),
    "plot of steers needed": ("effort-needed", "Steers that an answer still needs, against typed tokens"),
    "plot of drift": ("effort-drift", "Drift on unrelated prompts against typed tokens"),
}


def write(rows: Sequence[Row], docs: Path, data: Path) -> str:
    """Write data, tables and plots; returns the verdicts in a few lines."""
    shown = current(rows)
    collect(shown, data)
    titles = {name: tasks.named(name).title for name in tasks.NAMES}
    page = docs / "effort.md"
    text = page.read_text(encoding="utf-8")
    for name, part in parts(shown, titles).items():
        text = between(text, name, part)
    with writing(page) as file:
        file.write(text)
    shown, _ = split(shown)
    if shown:
        images = docs / "images"
        plots.first_look(shown, titles, images / "effort.png")
        plots.quality(shown, titles, images / "effort-quality.png")
        plots.needed(shown, titles, images / "effort-needed.png")
        plots.drift(shown, titles, images / "effort-drift.png")
    return words(shown)


def current(rows: Sequence[Row]) -> list[Row]:
    """The rows that are cells of the grid as it is now, and not of one before."""
    cells = [*plan.grid(tasks.NAMES, plan.FULL, (*METHODS, *EXTRAS)), *plan.start(tasks.NAMES)]
    keys = {cell.key for cell in cells}
    return [row for row in rows if row["key"] in keys]


def split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of the grid, and those of the first tokens; the untouched model is in both."""
    few = [row for row in rows if row["budget"] in (0, *plan.START.budgets)]
    return [row for row in rows if row["budget"] not in plan.START.budgets], few


def parts(rows: Sequence[Row], titles: dict[str, str]) -> dict[str, str]:
    """Everything that stands between markers, by name."""
    rows, few = split(rows)
    wanted = [(cell.task, cell.method.name, cell.budget) for cell in plan.grid(tasks.NAMES, plan.FULL)]
    there = [task for task in titles if any(row["task"] == task for row in rows)]
    found = [verdicts.judge(rows, task) for task in there]
    batch = [verdicts.judge(rows, task, BATCH.name) for task in there]
    plot = {name: f"![{said}](images/{file}.png)" if rows else "" for name, (file, said) in PLOTS.items()}
    return {
        **plot,
        "cells": tables.progress(rows, wanted, titles),
        "verdicts": tables.verdicts(found),
        "verdicts of one batch": tables.verdicts(batch),
        "efforts": tables.efforts(found),
        "quality": "\n\n".join(tables.quality(rows, task) for task in there),
        "needed": "\n\n".join(tables.needed(rows, task) for task in there),
        "drift": "\n\n".join(tables.drift(rows, task) for task in there),
        "start": "\n\n".join(tables.quality(few, task) for task in there if _trained(few, task)),
        "objectives": tables.objectives(rows),
        "tuning": tables.tuning(read(tune.DATA)) if tune.DATA.exists() else "",
    }


def between(text: str, name: str, part: str) -> str:
    """`text` with `part` between the markers called `name`, if it has them."""
    begin, end = f"<!-- effort: {name} -->", f"<!-- end of effort: {name} -->"
    before, found, rest = text.partition(begin)
    return f"{before}{begin}\n\n{part}\n\n{end}{rest.partition(end)[2]}" if found else text


def words(rows: Sequence[Row]) -> str:
    """The verdicts as they are printed."""
    lines = [f"{len(rows)} cells"]
    for name, rival in ((DEFAULT.name, REWRITES.name), (BATCH.name, REWRITES.name)):
        lines.append(f"\n{name} against {rival}:")
        there = [task for task in tasks.NAMES if any(row["task"] == task for row in rows)]
        lines += [verdict_words(verdicts.judge(rows, task, name, rival)) for task in there]
    return "\n".join(lines) + "\n"


def verdict_words(verdict: verdicts.Verdict) -> str:
    """One task's verdict in a line."""
    best, (third, ahead, moved) = verdict.best, verdict.holds
    if best is None:
        effort = "nothing to reach"
    elif best.default is None:
        effort = f"never reaches {best.quality:.0%} (rewrites: {best.rival:.0f} tokens)"
    else:
        effort = f"reaches {best.quality:.0%} with {best.default:.0f} of {best.rival:.0f} tokens"
    drift = "" if verdict.drift is None else f"drift {verdict.drift[0]:.2f} to {verdict.drift[1]:.2f}"
    counts = f"{verdict.ahead.ahead} ahead, {verdict.ahead.level} level, {verdict.ahead.behind} behind"
    return f"  {verdict.task}: {effort} [{_yes(third)}]; {counts} [{_yes(ahead)}]; {drift} [{_yes(moved)}]"


def quick(rows: Sequence[Row]) -> str:
    """The cells of a quick run and what they say."""
    mine = [row for row in rows if row["key"] in {cell.key for cell in plan.grid(tasks.NAMES, plan.QUICK)}]
    there = [task for task in tasks.NAMES if any(row["task"] == task for row in mine)]
    return "\n\n".join([*(tables.quality(mine, task) for task in there), words(mine)])


def _trained(rows: Sequence[Row], task: str) -> bool:
    return any(row["task"] == task and row["budget"] for row in rows)


def _yes(held: bool | None) -> str:
    return "–" if held is None else "yes" if held else "no"
