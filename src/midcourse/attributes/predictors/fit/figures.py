"""The plots of a fitted predictor's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from midcourse.measure.figures import Figure, Json, line
from midcourse.measure.words import number

TITLES = {"mae": "Mean absolute error, lower is better", "spearman": "Rank correlation with people, higher is better"}


def against(attributes: Mapping[str, Any], metric: str) -> Figure | None:
    """Bars of `metric` for each attribute: the predictor, the length, the mean; None where nothing can be drawn."""
    names = list(attributes)
    columns = [("predictor", [attributes[name][metric] for name in names])]
    columns += [(by, [attributes[name]["baselines"][by][metric] for name in names]) for by in ("length", "mean")]
    columns = [(who, values) for who, values in columns if any(value is not None for value in values)]
    if not columns or not names:
        return None
    fills: dict[str, Json] = {
        "predictor": {"color": "--accent"},
        "length": {
            "color": "--third",
            "pattern": {"shape": "/", "fgcolor": "--third", "bgcolor": "--paper", "size": 6},
        },
        "mean": {"color": "--paper", "line": {"color": "--muted", "width": 1.2}},
    }
    data = [
        {
            "type": "bar",
            "name": who,
            "x": names,
            "y": values,
            "marker": fills[who],
            "hovertemplate": "%{x}, " + who + ": %{y:.2f}<extra></extra>",
        }
        for who, values in columns
    ]
    layout: Json = {"barmode": "group", "bargap": 0.3, "xaxis": {"showgrid": False}, "yaxis": {"rangemode": "tozero"}}
    rows = [[name, *(number(values[place], 2) for _, values in columns)] for place, name in enumerate(names)]
    says = f"{TITLES[metric]}. " + " ".join(
        f"{row[0]}: " + ", ".join(f"{who} {cell}" for (who, _), cell in zip(columns, row[1:], strict=True)) + "."
        for row in rows
    )
    return Figure(f"against-{metric}", TITLES[metric], says, data, layout, ["", *(who for who, _ in columns)], rows)


def calibration(name: str, found: Mapping[str, Any]) -> Figure:
    """Mean label against mean prediction in each bin, with the line where they are the same."""
    bins = found["calibration"]
    x, y = [one["predicted"] for one in bins], [one["labelled"] for one in bins]
    spread = [2 * (one["error"] or 0.0) for one in bins]
    low = min([*x, *(a - b for a, b in zip(y, spread, strict=True))])
    high = max([*x, *(a + b for a, b in zip(y, spread, strict=True))])
    room = max(0.05 * (high - low), 0.05)
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [low, high],
            "y": [low, high],
            "line": {"color": "--muted", "dash": "dot", "width": 1.2},
            "hoverinfo": "skip",
        },
        line(name, list(zip(x, y, strict=True)), 0)
        | {
            "error_y": {"type": "data", "array": spread, "color": "--accent", "thickness": 1.2, "width": 4},
            "customdata": [one["count"] for one in bins],
            "hovertemplate": "predicted %{x:.2f}, people %{y:.2f}, %{customdata} answers<extra></extra>",
        },
    ]
    layout: Json = {
        "xaxis": {"title": {"text": "predicted"}, "range": [min(x) - room, max(x) + room]},
        "yaxis": {"title": {"text": "people said"}, "range": [low - room, high + room]},
        "showlegend": False,
    }
    rows = [
        [number(one["predicted"], 2), number(one["labelled"], 2), number(one["error"], 2), number(one["count"], 0)]
        for one in bins
    ]
    says = f"Calibration of {name}: " + "; ".join(f"predicted {row[0]}, people {row[1]}" for row in rows) + "."
    return Figure(f"calibration-{name}", name, says, data, layout, ["predicted", "people", "± one", "answers"], rows)


def losses(epochs: Sequence[Mapping[str, float]]) -> Figure:
    """The loss of each epoch."""
    points = [(one["epoch"], one["loss"]) for one in epochs]
    layout: Json = {"xaxis": {"title": {"text": "epoch"}, "dtick": 1}, "yaxis": {"rangemode": "tozero"}}
    rows = [[number(x, 0), number(y, 3)] for x, y in points]
    says = f"Mean squared error over training, from {rows[0][1]} to {rows[-1][1]}."
    data = [line("loss", points, 0)]
    return Figure("losses", "Mean squared error", says, data, layout | {"showlegend": False}, ["epoch", "loss"], rows)
