"""The plots of a steerability report: requested against obtained, lengths, side effects, quality, guidance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from midcourse.attributes.schema import written
from midcourse.attributes.steerability.result import Curve, Level, Mean, Steerability
from midcourse.attributes.steerability.words import beside, named, signed
from midcourse.measure.figures import Figure, line
from midcourse.measure.words import number

Json = dict[str, Any]
Point = tuple[float, Mean]


def dials(result: Steerability) -> list[Figure]:
    """Requested against obtained, a figure for each attribute, a line for each strength of guidance."""
    found = []
    for curve in result.alone():
        name, scale = curve.attribute, result.attributes[curve.attribute]
        lines = [
            (f"γ = {one.guidance:g}" if len(result.like(curve)) > 1 else "obtained", one) for one in result.like(curve)
        ]
        data = [_drawn(label, _obtained(one), at) for at, (label, one) in enumerate(lines)]
        data[0]["showlegend"] = len(lines) > 1  # what the other lines are, the text above the figures says
        data.append(_aside("exact", [scale.minimum, scale.maximum], [scale.minimum, scale.maximum]))
        if name in result.neutral.obtained:
            open_ = result.neutral.obtained[name].value
            data.append(_aside("nothing asked", [scale.minimum, scale.maximum], [open_, open_], "dot"))
        layout: Json = {
            "xaxis": {"title": {"text": f"{name} asked for"}, "tickvals": [level.asked for level in curve.levels]},
            "yaxis": {"title": {"text": "judged"}, "range": [scale.minimum - 0.2, scale.maximum + 0.2]},
        }
        rows = [
            [label, written(level.asked or 0.0), _pm(level.obtained[name])]
            for label, one in lines
            for level in one.levels
        ]
        says = f"{name}: {_told(curve)}"
        found.append(Figure(f"dial-{name}", name, says, data, layout, ["", "asked for", "judged"], rows))
    return found


def lengths(result: Steerability) -> list[Figure]:
    """Tokens of the answers against what was asked for: each attribute, and the guided ones."""
    alone = result.alone()
    found = [_lengths("lengths", "Tokens of an answer", [(one.attribute, one) for one in alone])]
    for curve in alone:
        if len(guided := result.like(curve)) > 1:
            lines = [(f"γ = {one.guidance:g}", one) for one in guided]
            found.append(_lengths(f"lengths-{curve.attribute}", f"Tokens, {curve.attribute} under guidance", lines))
        if others := result.beside(curve.attribute):
            lines = [("by itself", curve)] + [(beside(one), one) for one in others]
            title = f"Tokens, {curve.attribute} with another one moved"
            found.append(_lengths(f"beside-{curve.attribute}", title, lines))
    return found


def effects(result: Steerability) -> Figure:
    """What moved when an attribute was moved over its whole scale: asked for down, judged across."""
    alone = result.alone()
    asked = [one.attribute for one in alone]
    judged = [name for name in result.attributes.names if any(name in one.effects for one in alone)]
    table = [[one.effects[name].value if name in one.effects else None for name in judged] for one in alone]
    words = [[signed(value) for value in row] for row in table]
    most = max((abs(value) for row in table for value in row if value is not None), default=1.0) or 1.0
    data: list[Json] = [
        {
            "type": "heatmap",
            "x": judged,
            "y": asked,
            "z": table,
            "text": words,
            "texttemplate": "%{text}",
            "zmin": -most,
            "zmax": most,
            "colorscale": [[0, "--rejected"], [0.5, "--paper"], [1, "--accent"]],
            "showscale": False,
            "xgap": 3,
            "ygap": 3,
            "hovertemplate": "%{y} asked for from end to end: %{x} judged %{text} of its scale<extra></extra>",
        }
    ]
    layout: Json = {
        "xaxis": {"title": {"text": "judged"}, "showgrid": False, "side": "top"},
        "yaxis": {"title": {"text": "asked for"}, "autorange": "reversed", "showgrid": False},
        "margin": {"l": 110, "r": 12, "t": 70, "b": 12},
    }
    rows = [
        [one.attribute, *[_pm(one.effects[name], 2) if name in one.effects else "–" for name in judged]]
        for one in alone
    ]
    says = "Change over the whole sweep, in parts of each scale: " + "; ".join(
        f"{one.attribute} moves itself by {signed(one.effects[one.attribute].value)}" for one in alone
    )
    return Figure("effects", "What moved with what", says, data, layout, ["asked for", *judged], rows)


def losses(result: Steerability) -> list[Figure]:
    """What answers lose when something is asked for: quality as judged, and what the base model thinks of them."""
    found = []
    for id_, title, get, start in (
        ("quality", "Quality against asking for nothing, in scales", lambda level: level.quality, 0.0),
        (
            "nats",
            "Surprise of the base model, nats a token",
            lambda level: level.nats,
            result.neutral.nats.value if result.neutral.nats else None,
        ),
    ):
        lines = [(named(one, result), _points(one, get)) for one in result.curves if one.beside is None]
        lines = [(label, points) for label, points in lines if points]
        if not lines:
            continue
        data = [_drawn(label, points, at) for at, (label, points) in enumerate(lines)]
        ends = [point[0] for _, points in lines for point in points]
        if start is not None:
            data.append(_plain("nothing asked", [min(ends), max(ends)], [start, start], "dot"))
        rows = [[label, written(x), _pm(value, 3)] for label, points in lines for x, value in points]
        says = f"{title}: " + "; ".join(
            f"{label} from {number(points[0][1].value, 2)} to {number(points[-1][1].value, 2)}"
            for label, points in lines
        )
        layout: Json = {"xaxis": {"title": {"text": "asked for"}}}
        found.append(Figure(f"loss-{id_}", title, says, data, layout, ["", "asked for", title.lower()], rows))
    return found


# ---- pieces ------------------------------------------------------------------------------------------------------


def _lengths(id_: str, title: str, lines: Sequence[tuple[str, Curve]]) -> Figure:
    data = [_drawn(label, _points(one, lambda level: level.tokens), at) for at, (label, one) in enumerate(lines)]
    layout: Json = {
        "xaxis": {"title": {"text": "asked for"}},
        "yaxis": {"title": {"text": "tokens"}, "rangemode": "tozero"},
    }
    rows = [
        [label, written(level.asked or 0.0), _pm(level.tokens, 0), number(level.tokens_median, 0)]
        for label, one in lines
        for level in one.levels
    ]
    says = f"{title}: " + "; ".join(
        f"{label} from {number(one.levels[0].tokens.value, 0)} to {number(one.levels[-1].tokens.value, 0)}"
        for label, one in lines
    )
    return Figure(id_, title, says, data, layout, ["", "asked for", "mean tokens", "median"], rows)


def _obtained(curve: Curve) -> list[Point]:
    return _points(curve, lambda level: level.obtained[curve.attribute])


def _points(curve: Curve, get: Callable[[Level], Mean | None]) -> list[Point]:
    return [(level.asked or 0.0, value) for level in curve.levels if (value := get(level)) is not None]


def _drawn(label: str, points: Sequence[Point], style: int) -> Json:
    drawn = line(label, [(x, value.value) for x, value in points], style)
    drawn["error_y"] = {
        "type": "data",
        "array": [value.error for _, value in points],
        "thickness": 1,
        "width": 3,
        "color": drawn["line"]["color"],
    }
    return drawn


def _plain(label: str, x: Sequence[float], y: Sequence[float], dash: str = "dash") -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "x": list(x),
        "y": list(y),
        "line": {"color": "--muted", "width": 1, "dash": dash},
        "hoverinfo": "skip",
    }


def _aside(label: str, x: Sequence[float], y: Sequence[float], dash: str = "dash") -> Json:
    return _plain(label, x, y, dash) | {"showlegend": False}


def _pm(value: Mean, digits: int = 2) -> str:
    return f"{number(value.value, digits)} ± {number(value.error, digits)}"


def _told(curve: Curve) -> str:
    low, high = curve.levels[0], curve.levels[-1]
    name = curve.attribute
    return (
        f"asked for {written(low.asked or 0.0)}, judged {number(low.obtained[name].value, 2)}; "
        f"asked for {written(high.asked or 0.0)}, judged {number(high.obtained[name].value, 2)}."
    )
