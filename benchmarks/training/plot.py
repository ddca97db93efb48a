"""The plot of docs/benchmarks.md: seconds and memory of an epoch, and how seconds grow with steers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.training.cells import STEERS
from benchmarks.training.summary import Row, Side
from benchmarks.training.tables import number

OURS, THEIRS, GREY, LINE = "#1f6fb4", "#d2691e", "#444444", "#dddddd"


def draw(rows: Sequence[Row], file: Path) -> None:
    """A PNG of three panels side by side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    both = [(row, row.ours, row.theirs) for row in rows if row.ours and row.theirs]
    style = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.titleweight": "bold"}
    with plt.rc_context({**style, "axes.titlelocation": "left", "axes.titlepad": 14}):
        size = (15, 1.9 + 0.44 * max(6, len(both)))
        figure, panels = plt.subplots(1, 3, figsize=size, width_ratios=(1.2, 1, 1.05), facecolor="white")
        _seconds(panels[0], both)
        _memory(panels[1], both)
        _growth(panels[2], {row.shape: row for row in rows if row.dtype == "float32"})
        figure.tight_layout(w_pad=3)
        file.parent.mkdir(exist_ok=True)
        figure.savefig(file, dpi=120)
        plt.close(figure)


def _say(axes: Any, text: str, at: tuple[float, float], shift: tuple[int, int], **options: Any) -> None:
    """`text` beside the point `at`, `shift` points away."""
    axes.annotate(text, at, shift, textcoords="offset points", va="center", **options)


def _seconds(axes: Any, rows: Sequence[tuple[Row, Side, Side]]) -> None:
    """Two points a row, and between them how many times as fast."""
    places = range(len(rows))
    axes.set_title("Seconds of an epoch")
    axes.hlines(places, [one.seconds for _, one, _ in rows], [one.seconds for _, _, one in rows], color=LINE, lw=3)
    for colour, label, side, values in (
        (OURS, "Midcourse", "right", [one.seconds for _, one, _ in rows]),
        (THEIRS, "TRL", "left", [one.seconds for _, _, one in rows]),
    ):
        axes.plot(values, places, "o", color=colour, markersize=8)
        if values:
            _say(axes, label, (values[0], 0), (0, 16), color=colour, ha=side, fontweight="bold")
    for place, (_, ours, theirs) in enumerate(rows):
        _say(axes, number(ours.seconds), (ours.seconds, place), (-9, 0), ha="right", color=OURS)
        _say(axes, number(theirs.seconds), (theirs.seconds, place), (9, 0), color=THEIRS)
        middle = (ours.seconds * theirs.seconds) ** 0.5
        _say(axes, f"{theirs.seconds / ours.seconds:.0f} ×", (middle, place), (0, 8), ha="center", fontweight="bold")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.2)
    axes.set_xlabel("seconds, logarithmic; in between: how many times as fast", color=GREY)
    axes.set_yticks(places, [_name(row) for row, _, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5, -0.8)


def _memory(axes: Any, rows: Sequence[tuple[Row, Side, Side]]) -> None:
    """Two bars a row, the first row on top."""
    axes.set_title("Peak memory of the process")
    for place, (_, ours, theirs) in enumerate(rows):
        for shift, side, colour in ((-0.19, theirs, THEIRS), (0.19, ours, OURS)):
            axes.barh(place + shift, side.peak / 1e9, height=0.36, color=colour)
        _say(axes, number(theirs.peak / 1e9), (theirs.peak / 1e9, place - 0.19), (5, 0), color=THEIRS)
        words = f"{number(ours.peak / 1e9)} ({ours.peak / theirs.peak:.0%} of TRL's)"
        _say(axes, words, (ours.peak / 1e9, place + 0.19), (5, 0), color=OURS)
    axes.margins(x=0.12)
    axes.set_xlabel("GB", color=GREY)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks([])
    axes.set_ylim(len(rows) - 0.5, -0.8)


def _name(row: Row) -> str:
    kind = "" if row.dtype == "float32" else f", {row.dtype}"
    return f"{row.shape.length:,} tokens\n{row.shape.steers} steers{kind}"


def _growth(axes: Any, rows: dict[Any, Row]) -> None:
    """Seconds against steers on one trace."""
    length = STEERS[0].length
    axes.set_title(f"One trace of {length:,} tokens")
    shapes = sorted((shape for shape in rows if shape.length == length), key=lambda shape: shape.steers)
    for attribute, colour, label, shift in (("theirs", THEIRS, "TRL", (22, -8)), ("ours", OURS, "Midcourse", (0, -15))):
        points = [(shape.steers, side.seconds) for shape in shapes if (side := getattr(rows[shape], attribute))]
        if points:
            steers, seconds = zip(*points, strict=True)
            axes.plot(steers, seconds, marker="o", markersize=7, color=colour, linewidth=2)
            _say(axes, label, points[0], (-6, 16), color=colour, fontweight="bold")
        for one in points:
            if one[0] in {shape.steers for shape in STEERS}:
                _say(axes, number(one[1]), one, shift, ha="center", color=colour)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.14, y=0.2)
    ticks = [shape.steers for shape in STEERS if shape in rows]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("steers, logarithmic", color=GREY)
    axes.set_ylabel("seconds of an epoch, logarithmic", color=GREY)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
