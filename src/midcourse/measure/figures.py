"""The plots of the report, as plain plotly specifications: lists of traces and a layout.

Colours are written as names of CSS variables ("--accent"); the page replaces them by what the reader's colour scheme
says and draws again when it changes. Nothing is told by colour alone: lines differ in dash and marker too. Each figure
carries its numbers as a table, for readers who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from midcourse.measure.result import Measurement
from midcourse.measure.words import number, percent

Json = dict[str, Any]


class Figure(NamedTuple):
    """One plot: `id` in the page, what it shows in a sentence (`says`), its specification, its numbers as a table."""

    id: str
    title: str
    says: str
    data: list[Json]
    layout: Json
    header: list[str]
    rows: list[list[str]]


def effort(result: Measurement) -> list[Figure]:
    """Quality, and steers still needed, against the tokens typed so far; empty without rounds or rivals."""
    if not result.rounds and not result.comparison:
        return []
    before = result.before
    steered = [(0, before.fields, before.pass_rate, before.steers_per_answer)] + [
        (r.typed_tokens, r.fields, r.pass_rate, r.steers_per_answer) for r in result.rounds
    ]
    groups: dict[str, list[tuple[int, float, float, float | None]]] = {}
    for rival in result.comparison:
        point = (rival.typed_tokens, rival.fields, rival.pass_rate, rival.steers_per_answer)
        groups.setdefault(rival.group or rival.name, []).append(point)
    figures = []
    for place, (name, title, shares) in enumerate(
        (
            ("fields", "Fields right", True),
            ("passes", "Whole answers right", True),
            ("steers", "Steers still needed", False),
        )
    ):
        lines = [("steers", [(p[0], p[place + 1]) for p in steered])] if result.rounds else []
        lines += [
            (group, sorted((p[0], p[place + 1]) for p in points if p[place + 1] is not None))
            for group, points in groups.items()
        ]
        drawn = [(group, [(x, y) for x, y in points if y is not None]) for group, points in lines]
        drawn = [(group, points) for group, points in drawn if points]
        if not drawn or (not shares and not result.rounds):
            continue
        layout: Json = {
            "xaxis": {"title": {"text": "tokens typed"}, "rangemode": "tozero"},
            "yaxis": {"rangemode": "tozero"},
        }
        if shares:
            layout["yaxis"] = {"range": [-0.03, 1.06], "tickformat": ".0%", "dtick": 0.25}
        rows = [
            [group, number(x, 0), percent(y) if shares else number(y)] for group, points in drawn for x, y in points
        ]
        last = drawn[0][1][-1]
        said = percent(last[1]) if shares else number(last[1])
        says = f"{title} against tokens typed: {drawn[0][0]} reach {said} with {number(last[0], 0)} typed tokens."
        data = [line(group, points, number_of) for number_of, (group, points) in enumerate(drawn)]
        figures.append(Figure(name, title, says, data, layout, ["trained on", "typed tokens", title.lower()], rows))
    return figures


_STYLES = (
    ("--accent", "solid", "circle"),
    ("--muted", "dash", "square"),
    ("--rejected", "dot", "diamond"),
    ("--third", "dashdot", "x"),
    ("--ink", "longdash", "triangle-up"),
    ("--accent", "longdashdot", "star"),
)


def line(name: str, points: Sequence[tuple[float, float]], style: int) -> Json:
    """A line with markers; each `style` has a colour, a dash and a marker of its own."""
    colour, dash, symbol = _STYLES[style % len(_STYLES)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"color": colour, "dash": dash, "width": 2.5},
        "cliponaxis": False,
        "marker": {"symbol": symbol, "size": 9, "color": colour},
    }


def margins(result: Measurement) -> Figure | None:
    """Two histograms over the same bins, before above after, with the line where both sides are equally likely."""
    sides = [
        ("before", [c.before.margin for c in result.cases]),
        ("after", [c.after.margin for c in result.cases if c.after]),
    ]
    known = [(name, [m for m in values if m is not None]) for name, values in sides]
    known = [(name, values) for name, values in known if values]
    if not known:
        return None
    everything = sorted(m for _, values in known for m in values)
    low, high = (everything[round(share * (len(everything) - 1))] for share in (0.01, 0.99))
    whole = max(high, 0) - min(low, 0)  # one margin, or several alike, may be far from the line at 0
    width = _nice(max(high - low, whole / 10, 1e-6) / 36)
    first, last = math.floor(min(low, 0) / width) - 1, math.floor(max(high, 0) / width) + 1
    centres = [(bin_ + 0.5) * width for bin_ in range(first, last + 1)]
    data: list[Json] = []
    rows = []
    layout: Json = {
        "xaxis": {"title": {"text": "log π(correction) − log π(rejected), nats"}, "zeroline": False, "showgrid": False},
        "bargap": 0.08,
        "shapes": [_upright(0)],
        "annotations": [],
        "showlegend": False,
    }
    for place, (name, values) in enumerate(known):
        bins = [0] * len(centres)
        for value in values:
            bins[min(max(math.floor(value / width), first), last) - first] += 1
        colour = "--accent" if name == "after" else "--muted"
        axis = "y" if place == 0 else f"y{place + 1}"
        marker: Json = {"color": colour}
        if name == "before":
            marker = {
                "color": "--paper",
                "line": {"color": colour, "width": 1},
                "pattern": {"shape": "/", "fgcolor": colour, "bgcolor": "--paper", "size": 5, "solidity": 0.35},
            }
        hover = f"{name}: %{{y}} steers around %{{x:.1f}}<extra></extra>"
        data.append(
            {
                "type": "bar",
                "name": name,
                "x": centres,
                "y": bins,
                "yaxis": axis,
                "marker": marker,
                "hovertemplate": hover,
            }
        )
        height = 1 / len(known)
        top = 1 - place * height
        layout["yaxis" + axis[1:]] = {
            "domain": [top - height + 0.06, top],
            "range": [0, 1.4 * max(bins)],  # room for the words
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
        }
        right = percent(sum(value > 0 for value in values) / len(values))
        said = {"text": f"<b>{name}</b><br>{right} lean to the correction", "align": "left", "showarrow": False}
        layout["annotations"].append(
            said | {"xref": "paper", "yref": "paper", "x": 0.01, "y": top, "xanchor": "left", "yanchor": "top"}
        )
        middle = sorted(values)[len(values) // 2]
        rows.append([name, number(math.fsum(values) / len(values)), number(middle), right, number(len(values), 0)])
    layout["xaxis"]["anchor"] = "y" if len(known) == 1 else f"y{len(known)}"
    says = "Distribution of margins. " + " ".join(
        f"{row[0]}: mean {row[1]}, {row[3]} lean to the correction." for row in rows
    )
    header = ["", "mean, nats", "median, nats", "lean to the correction", "steers"]
    return Figure("margins-plot", "Margins", says, data, layout, header, rows)


def _upright(x: float) -> Json:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "--ink", "width": 1, "dash": "dot"},
    }


def _nice(width: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    scale: float = 10.0 ** math.floor(math.log10(width))
    return next(step * scale for step in (1, 2, 5, 10) if step * scale >= width * 0.999)


def training(metrics: Mapping[str, Any] | None) -> list[Figure]:
    """The curves of a run's `epochs` in metrics.json; empty when there are none.

    Several runs, one after the other, are drawn as one: a dotted line stands where the epochs begin again.
    """
    epochs = list((metrics or {}).get("epochs") or [])
    numbers = [epoch.get("epoch", 0) for epoch in epochs]
    again = [place + 0.5 for place in range(1, len(epochs)) if numbers[place] <= numbers[place - 1]]
    figures = []
    per = (metrics or {}).get("loss_per")
    for name, title, keys in (
        ("loss", f"Loss per {per}, nats" if per else "Loss", (("loss", "loss"),)),
        (
            "logps",
            "Log-probability per token, nats",
            (
                ("chosen_logp_per_token", "correction"),
                ("accepted_logp_per_token", "let stand"),
                ("rejected_logp_per_token", "rejected"),
            ),
        ),
        ("margin", "Margin, nats", (("margin", "margin"),)),
        ("accuracy", "Corrections preferred", (("accuracy", "accuracy"),)),
        ("change", "Change against the base, nats", (("chosen_change", "correction"), ("rejected_change", "rejected"))),
    ):
        lines = []
        for key, label in keys:
            points = [(place, float(epoch[key])) for place, epoch in enumerate(epochs, 1) if _finite(epoch.get(key))]
            if len(points) > 1:
                lines.append((label, points))
        if not lines:
            continue
        data = [line(label, points, _STROKES.get(label, 0)) for label, points in lines]
        layout: Json = {
            "xaxis": {"title": {"text": "epoch"}, "dtick": max(1, round(len(epochs) / 6))},
            "showlegend": len(lines) > 1,
            "shapes": [_upright(x) for x in again],
        }
        if name == "accuracy":
            layout["yaxis"] = {"range": [-0.03, 1.06], "tickformat": ".0%"}
        rows = [[label, number(points[0][1], 2), number(points[-1][1], 2)] for label, points in lines]
        says = f"{title} over training: " + "; ".join(f"{row[0]} from {row[1]} to {row[2]}" for row in rows) + "."
        figures.append(Figure(f"train-{name}", title, says, data, layout, ["", "first", "last"], rows))
    return figures


_STROKES = {"let stand": 1, "rejected": 2}


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
