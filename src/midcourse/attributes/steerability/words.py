"""A steerability measurement in words: its headline, its lines for a terminal, its tables. Pure functions; no HTML."""

from __future__ import annotations

from midcourse.attributes.asking import spoken
from midcourse.attributes.steerability.result import Curve, Mean, Steerability
from midcourse.measure.words import DASH, number, percent
from midcourse.words import counted

HEADER = ["asked for", "γ", "τ", "slope", "judged", "miscalibration", "side effects", "tokens", "longer"]


def headline(result: Steerability) -> str:
    """The measurement in one line."""
    said = _said(result)
    return said[:1].upper() + said[1:]  # it may begin with the name of an attribute


def _said(result: Steerability) -> str:
    best = max(result.alone(), key=lambda one: one.monotone.value if one.monotone else -1.0)
    follow = [one.attribute for one in result.alone() if follows(one)]
    if not follow:
        return f"No dial moves what it says; {best.attribute} comes nearest (τ = {_plain(best.monotone)})"
    if len(follow) == len(result.alone()):
        return "Every dial moves what it says" if len(follow) > 1 else f"{follow[0]} moves as it is asked to"
    return f"{listed(follow)} move{'s' if len(follow) == 1 else ''} as asked; the other dials do not"


def follows(curve: Curve) -> bool:
    """Whether obtained rises with asked for, by more than two standard errors."""
    return curve.slope.value > 2 * curve.slope.error and curve.slope.value > 0


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def named(curve: Curve, result: Steerability) -> str:
    """A curve by its attribute, and its guidance where there are several."""
    several = len({one.guidance for one in result.curves}) > 1
    return f"{curve.attribute}, γ = {curve.guidance:g}" if several else curve.attribute


def beside(curve: Curve) -> str:
    """What else is asked for in a curve: `complexity = 4`."""
    return f"{curve.beside} = {curve.held[curve.beside]:g}" if curve.beside else spoken(curve.held)


def row(curve: Curve) -> list[str]:
    """A curve as a line of the table with `HEADER`."""
    low, high = curve.levels[0], curve.levels[-1]
    name = curve.attribute
    return [
        f"{name} {low.asked:g} … {high.asked:g}" + (f", {beside(curve)}" if curve.held else ""),
        f"{curve.guidance:g}",
        _plain(curve.monotone),
        f"{number(curve.slope.value, 2)} ± {number(curve.slope.error, 2)}",
        " → ".join(number(level.obtained[name].value, 2) for level in curve.levels),
        _plain(curve.miscalibration),
        _plain(curve.side_effects),
        " → ".join(number(level.tokens.value, 0) for level in curve.levels),
        f"{number(curve.longer, 1)} ×" if curve.longer is not None else DASH,
    ]


def rows(result: Steerability) -> list[list[str]]:
    """The whole table."""
    return [row(one) for one in result.curves]


def lines(result: Steerability) -> str:
    """What the terminal shows: the headline, then the table."""
    table = [HEADER, *rows(result)]
    wide = [max(len(line[place]) for line in table) for place in range(len(HEADER))]
    drawn = ["  ".join(cell.ljust(size) for cell, size in zip(line, wide, strict=True)).rstrip() for line in table]
    note = f"judged by {result.judge} on {counted(result.prompts, 'prompt')}" + (
        "; the model was trained on this judge's labels" if result.same_judge else ""
    )
    return "\n".join([headline(result), "", *drawn, "", note])


def notes(result: Steerability) -> list[str]:
    """What a reader must know to read the numbers right."""
    found = []
    if result.same_judge:
        found.append(
            f"{result.judge} also made labels that the model was trained on: these numbers say how well the model "
            "pleases its teacher, not how well it does what was asked."
        )
    if result.deviation:
        noise = ", ".join(f"{name} {value:.2f}" for name, value in result.deviation.items())
        found.append(
            f"The judge itself misses what people say by (one standard deviation) {noise}. That noise is in every "
            "single judgement, so side effects of single answers are never zero; means over prompts have less of it. "
            "A judge that leans to the mean makes every slope look flatter than it is."
        )
    if result.shortened:
        found.append(f"{counted(result.shortened, 'prompt was', 'prompts were')} too long and lost the middle.")
    cut = max(level.unended for one in result.curves for level in one.levels)
    if cut:
        found.append(
            f"Up to {percent(cut)} of the answers to a request were cut at the longest length: they would be longer."
        )
    return found


def signed(value: float | None) -> str:
    """A change with its sign."""
    return DASH if value is None else ("+" if value >= 0.005 else "") + number(value, 2)


def _plain(value: Mean | None) -> str:
    return DASH if value is None else number(value.value, 2)
