"""The tables of docs/effort.md, as Markdown, from finished cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import mean

from benchmarks.effort.ledger import Row
from benchmarks.effort.methods import BASE, METHODS, OBJECTIVES, PAIRS, RETYPED
from benchmarks.effort.verdicts import Point, Verdict, curve


def progress(rows: Sequence[Row], wanted: Sequence[tuple[str, str, int]], titles: dict[str, str]) -> str:
    """How many cells are done; `wanted` gives task, method and budget of each cell of the whole grid."""
    tasks = list(titles)
    done = [(row["task"], row["method"]) for row in rows]
    body = []
    for method in METHODS:
        of = [(task, name) for task, name, _ in wanted if name == method.name]
        body.append([method.label, *(f"{done.count((t, method.name))} of {of.count((t, method.name))}" for t in tasks)])
    total = f"{len(rows)} of {len(wanted)} cells are done."
    return f"{total}\n\n" + _table(["cells done", *tasks], body)


def quality(rows: Sequence[Row], task: str) -> str:
    """Pass rate, typed tokens and number of seeds: a line a method, a column a budget."""
    return _by_budget(rows, task, _quality)


def needed(rows: Sequence[Row], task: str) -> str:
    """Steers that an answer still needs."""
    return _by_budget(rows, task, lambda p: "–" if p.steers is None else f"{p.steers:.2f}")


def drift(rows: Sequence[Row], task: str) -> str:
    """KL(base‖trained) on unrelated prompts."""
    return _by_budget(rows, task, lambda p: "–" if p.kl is None else f"{p.kl:.2f}")


def verdicts(found: Sequence[Verdict]) -> str:
    """The goals, task by task."""
    head = ["task", "effort for the rewrites' best quality", "", "ahead · level · behind", "", "drift", ""]
    body = []
    for verdict in found:
        third, ahead, moved = (_yes(held) for held in verdict.holds)
        best = verdict.best
        if best is None:
            effort = "–"
        elif best.default is None:
            effort = f"{best.quality:.0%}: not reached, rewrites {best.rival:.0f}"
        else:
            effort = (
                f"{best.quality:.0%}: {best.default:.0f} of {best.rival:.0f} tokens ({best.default / best.rival:.2f})"
            )
        counts = " · ".join(map(str, verdict.ahead))
        pair = "–" if verdict.drift is None else f"{verdict.drift[0]:.2f} to {verdict.drift[1]:.2f}"
        body.append([verdict.task, effort, third, counts, ahead, pair, moved])
    return _table(head, body)


def efforts(found: Sequence[Verdict]) -> str:
    """The default's effort as a part of the rewrites', for the quality that they have at each budget."""
    budgets = sorted({effort.budget for verdict in found for effort in verdict.each})
    body = []
    for verdict in found:
        by = {effort.budget: effort for effort in verdict.each}
        cells = []
        for budget in budgets:
            effort = by.get(budget)
            if effort is None:
                cells.append("–")
            elif effort.ratio is None:
                cells.append(f"{effort.quality:.0%}: not reached")
            else:
                cells.append(f"{effort.quality:.0%}: {effort.ratio:.2f}")
        body.append([verdict.task, *cells])
    return _table(["task", *(f"{budget:,} tokens" for budget in budgets)], body)


def objectives(rows: Sequence[Row]) -> str:
    """Every objective, in one batch: pass rate, share of right parts, drift; a column a task.

    Only budgets and seeds at which one of them was tried count, so all stand on the same cells.
    """
    names = {method.name for method in OBJECTIVES}
    tried = {(row["task"], row["budget"], row["seed"]) for row in rows if row["method"] in names}
    cells = sorted({(task, budget) for task, budget, _ in tried})
    body = []
    for method in (*(method for method in METHODS if method.kind == "steers"), *OBJECTIVES):
        marks = []
        for task, budget in cells:
            mine = [
                row
                for row in rows
                if (row["method"], row["task"], row["budget"]) == (method.name, task, budget)
                and (task, budget, row["seed"]) in tried
            ]
            means = [mean(row[name] for row in mine) for name in ("pass_rate", "share", "kl")] if mine else []
            marks.append(f"{means[0]:.0%} · {means[1]:.0%} · {means[2]:.2f} ({len(mine)})" if means else "–")
        if any(mark != "–" for mark in marks):
            body.append([f"`{method.objective}`", *marks])
    return _table(["objective", *(f"{task}, {budget:,} tokens" for task, budget in cells)], body) if body else ""


def tuning(rows: Sequence[Row]) -> str:
    """What was tried on the dev split: a line a method and choice, a column a task."""
    tasks = sorted({row["task"] for row in rows})
    by: dict[tuple[str, float, int, str], dict[str, Row]] = {}
    for row in rows:
        choice = row["choice"]
        by.setdefault((row["method"], choice["learning_rate"], choice["steps"], choice["loss"]), {})[row["task"]] = row
    body = []
    for (method, rate, steps, loss), found in sorted(by.items()):
        marks = [_tried(found[task]) if task in found else "–" for task in tasks]
        body.append([method, f"{rate:g}", f"{steps}{f', {loss}' if loss else ''}", *marks])
    return _table(["method", "learning rate", "steps", *tasks], body)


def _by_budget(rows: Sequence[Row], task: str, say: Callable[[Point], str]) -> str:
    budgets = sorted({row["budget"] for row in rows if row["task"] == task and row["method"] != BASE.name})
    body = []
    for method in (*METHODS, RETYPED, PAIRS):
        points = {point.budget: point for point in curve(rows, task, method.name)}
        if method is BASE:
            body += (
                [[method.label, *(say(points[0]) for _ in budgets[:1]), *("" for _ in budgets[1:])]] if points else []
            )
        elif any(budget in points for budget in budgets):
            body.append([method.label, *(say(points[b]) if b in points else "" for b in budgets)])
    return _table([task, *(f"{budget:,} tokens" for budget in budgets)], body)


def _quality(point: Point) -> str:
    effort = f"({point.typed:.0f} in {point.answers:.0f})" if point.budget else "(0)"
    if point.seeds == 1:
        return f"{point.quality:.0%} {effort}"
    return f"{point.quality:.0%} [{point.low:.0%}–{point.high:.0%}] {effort}".replace("%–", "–")


def _tried(row: Row) -> str:
    return f"{row['pass_rate']:.0%} · {row['share']:.0%} · {row['kl']:.2f}"


def _yes(held: bool | None) -> str:
    return "–" if held is None else "yes" if held else "**no**"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
