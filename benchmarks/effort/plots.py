"""The plots: quality against typed tokens, what is still to be typed, and drift.

One colour a method in every plot, each line named at its end; a band from the worst to the best seed. The effort axis
is linear up to the first budget and logarithmic from there on, so that the untouched model stands at its left end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.effort.ledger import Row
from benchmarks.effort.methods import BATCH, DEFAULT, METHODS, REWRITES, Method
from benchmarks.effort.verdicts import Point, curve

COLOURS = ("#0b6e4f", "#c1440e", "#5aa469", "#7a7a7a", "#3d5a80", "#8e6c8a", "#d4a017", "#98a6ad", "#b07aa1")
FACE, INK, GRID = "#ffffff", "#222222", "#e6e6e6"
Value = Callable[[Point], float | None]


def quality(rows: Sequence[Row], titles: dict[str, str], file: Path) -> None:
    """Pass rate of every method, a panel a task."""
    many = [method for method in METHODS if method.kind != "base"]
    _panels(rows, titles, file, many, lambda p: 100 * p.quality, "answers that pass (%)", (0, 100), band=True)


def needed(rows: Sequence[Row], titles: dict[str, str], file: Path) -> None:
    """Steers that an answer still needs: the default and rewrites."""
    _panels(
        rows, titles, file, [DEFAULT, BATCH, REWRITES], lambda p: p.steers, "steers an answer still needs", (0, None)
    )


def drift(rows: Sequence[Row], titles: dict[str, str], file: Path) -> None:
    """KL on unrelated prompts."""
    many = [method for method in METHODS if method.trains]
    _panels(rows, titles, file, many, lambda p: p.kl if p.budget else 0.0, "drift (nats a token)", (0, None))


def first_look(rows: Sequence[Row], titles: dict[str, str], file: Path) -> None:
    """The plot of the README: steers and rewrites, a panel a task, nothing else."""
    _panels(
        rows,
        titles,
        file,
        [DEFAULT, REWRITES],
        lambda p: 100 * p.quality,
        "right answers (%)",
        (0, 100),
        band=True,
        names={DEFAULT.name: "steers", REWRITES.name: "whole rewrites"},
    )


def _panels(
    rows: Sequence[Row],
    titles: dict[str, str],
    file: Path,
    methods: Sequence[Method],
    value: Value,
    label: str,
    limits: tuple[float, float | None],
    *,
    band: bool = False,
    names: dict[str, str] | None = None,
) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    tasks = [task for task in titles if any(row["task"] == task for row in rows)]
    columns = min(2 if len(tasks) <= 4 else 3, len(tasks)) or 1
    lines = -(-len(tasks) // columns) or 1
    style = {
        "font.size": 10,
        "axes.edgecolor": INK,
        "text.color": INK,
        "axes.labelcolor": INK,
        "svg.hashsalt": "effort",
    }
    with mpl.rc_context(style):
        figure, axes = plt.subplots(
            lines, columns, figsize=(5.2 * columns, 3.3 * lines), squeeze=False, layout="constrained", facecolor=FACE
        )
        budgets = sorted({row["budget"] for row in rows if row["budget"]})
        for panel, task in zip(axes.flat, tasks, strict=False):
            _panel(panel, rows, task, methods, value, band, names or {})
            panel.set_title(titles[task], fontsize=11, loc="left", fontweight="bold")
            panel.set_ylim(bottom=limits[0], top=limits[1] and limits[1] + 3)
            _effort_axis(panel, budgets)
            panel.set_ylabel(label)
        for panel in list(axes.flat)[len(tasks) :]:
            panel.axis("off")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=130, metadata={"Software": None})
        plt.close(figure)


def _panel(
    panel: Any,
    rows: Sequence[Row],
    task: str,
    methods: Sequence[Method],
    value: Value,
    band: bool,
    names: dict[str, str],
) -> None:
    ends = []
    for method in methods:
        points = [(p, v) for p in curve(rows, task, method.name) if (v := value(p)) is not None]
        if not any(point.budget for point, _ in points):
            continue
        colour = COLOURS[[m.name for m in METHODS if m.kind != "base"].index(method.name)]
        xs, ys = [point.typed for point, _ in points], [height for _, height in points]
        main = method in (DEFAULT, REWRITES)
        panel.plot(xs, ys, color=colour, lw=2.4 if main else 1.3, marker="o", ms=4.5 if main else 3, zorder=3 + main)
        if band and main:
            low, high = [100 * point.low for point, _ in points], [100 * point.high for point, _ in points]
            panel.fill_between(xs, low, high, color=colour, alpha=0.15, lw=0)
        ends.append((ys[-1], xs[-1], names.get(method.name, method.label), colour, main))
    _name_lines(panel, ends)
    panel.grid(axis="y", color=GRID, zorder=0)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _name_lines(panel: Any, ends: Sequence[tuple[float, float, str, str, bool]]) -> None:
    """Names at the lines' ends, pushed apart so that none hides another."""
    low, high = panel.get_ylim()
    panel.set_ylim(low, high)
    gap = 0.075 * (high - low)
    last = float("inf")
    for height, _, name, colour, main in sorted(ends, key=lambda end: -end[0]):
        y = min(height, last - gap)
        last = y
        panel.annotate(
            name,
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=9.5 if main else 8,
            fontweight="bold" if main else "normal",
            annotation_clip=False,
        )


def _effort_axis(panel: Any, budgets: Sequence[int]) -> None:
    first = budgets[0] if budgets else 100
    panel.set_xscale("symlog", linthresh=first, linscale=0.6)
    panel.set_xticks([0, *budgets], ["0", *(f"{budget:,}" for budget in budgets)], minor=False)
    panel.minorticks_off()
    panel.set_xlim(0, 1.08 * budgets[-1] if budgets else 1000)
    panel.set_xlabel("tokens typed by a person")
