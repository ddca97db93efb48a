"""The tables of docs/benchmarks.md, from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.training.cells import STEERS, TRACES
from benchmarks.training.pairs import Shape
from benchmarks.training.summary import Row, Side


def page(rows: Sequence[Row], results: Sequence[Mapping[str, Any]]) -> str:
    """Everything between the markers."""
    found = {
        "What was to be reached:": _targets(rows),
        "Seconds of an epoch; a ratio says how many times as fast Midcourse is:": _comparison(rows),
        "Peak memory of the process in GB, in brackets what of it came on top of the loaded model:": _memory(rows),
        "Growth with steers on one trace of 2,048 tokens (Midcourse):": _growth(rows, STEERS, "steers"),
        "Growth with traces of 512 tokens and 16 steers (Midcourse):": _growth(rows, TRACES, "traces"),
        "How much of the speed of matrix products a whole epoch reaches:": _limit(rows),
    }
    plot = "![Seconds and memory of an epoch, Midcourse and TRL](images/training.png)"
    shown = [f"{title}\n\n{lines}" for title, lines in found.items() if lines]
    return "\n\n".join([_measured(results), plot, *shown])


def _measured(results: Sequence[Mapping[str, Any]]) -> str:
    facts = results[-1]["environment"]
    times = sorted(result["at"] for result in results)
    libraries = ", ".join(f"{name} {facts[name]}" for name in ("torch", "transformers", "peft", "trl"))
    return (
        f"{facts['threads']} threads of {facts['processor']}; {libraries}; {times[0][:16].replace('T', ' ')} to "
        f"{times[-1][:16].replace('T', ' ')} UTC. As data: [data/training.json](data/training.json)."
    )


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown; nothing at all without lines."""
    if not lines:
        return ""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines))


def name(shape: Shape) -> str:
    """A shape in words."""
    many = f"{shape.traces} × " if shape.traces > 1 else ""
    return f"{many}{shape.length:,} tokens, {shape.steers} steers"


def number(value: float) -> str:
    """Three digits, more only before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _way(side: Side, shape: Shape) -> str:
    """How TRL was run."""
    words = f"{side.batch} pair{'s' if side.batch > 1 else ''} at a time"
    if side.recompute:
        words += ", recomputing"
    return words + (f", {side.measured} of {shape.pairs} run" if side.measured < shape.pairs else "")


def _comparison(rows: Sequence[Row]) -> str:
    columns: dict[str, Callable[[Row, Side, Side], str]] = {
        "trace": lambda row, _, __: name(row.shape),
        "dtype": lambda row, _, __: row.dtype,
        "tokens TRL · Midcourse": lambda _, theirs, ours: f"{theirs.tokens:,} · {ours.tokens:,}",
        "TRL": lambda row, theirs, _: f"{number(theirs.seconds)} ({_way(theirs, row.shape)})",
        "Midcourse": lambda _, __, ours: number(ours.seconds),
        "ratio": lambda _, theirs, ours: f"**{number(theirs.seconds / ours.seconds)} ×**",
        "steadied": lambda _, theirs, ours: f"{number(theirs.steadied / ours.steadied)} ×",
        "reference pass": lambda _, theirs, ours: f"{number(theirs.reference)} · {number(ours.reference)}",
        "ratio with it": lambda _, theirs, ours: f"{number(theirs.whole / ours.whole)} ×",
    }
    return _sides(columns, rows)


def _memory(rows: Sequence[Row]) -> str:
    columns: dict[str, Callable[[Row, Side, Side], str]] = {
        "trace": lambda row, _, __: name(row.shape),
        "dtype": lambda row, _, __: row.dtype,
        "TRL": lambda _, theirs, __: f"{theirs.peak / 1e9:.2f} ({theirs.above / 1e9:.2f})",
        "Midcourse": lambda _, __, ours: f"{ours.peak / 1e9:.2f} ({ours.above / 1e9:.2f})",
        "share": lambda _, theirs, ours: f"{ours.peak / theirs.peak:.2f}",
        "share without the loaded model": lambda _, theirs, ours: f"{ours.above / theirs.above:.2f}",
    }
    return _sides(columns, rows)


def _growth(rows: Sequence[Row], shapes: Sequence[Shape], what: str) -> str:
    """`what` is the number that grows over `shapes`, a field of theirs."""
    found = {row.shape: row.ours for row in rows if row.dtype == "float32" and row.ours}
    sides = [(shape, found[shape]) for shape in shapes if shape in found]
    lines = [
        [
            str(getattr(shape, what)),
            f"{side.tokens:,}",
            number(side.seconds),
            f"{side.seconds / sides[0][1].seconds:.2f}",
            f"{side.tokens / side.seconds:,.0f}",
            f"{side.peak / 1e9:.2f}",
        ]
        for shape, side in sides
    ]
    first = f"× of {getattr(sides[0][0], what)}" if sides else ""
    return table([what, "tokens", "seconds", first, "tokens/s", "peak GB"], lines)


def _limit(rows: Sequence[Row]) -> str:
    """The last column: the ratio of an epoch that did nothing but its matrix products at their full speed."""
    columns: dict[str, Callable[[Row, Side, Side], str]] = {
        "trace": lambda row, _, __: name(row.shape),
        "dtype": lambda row, _, __: row.dtype,
        "GFLOP needed": lambda _, __, ours: number(ours.operations / 1e9),
        "GFLOP/s reached": lambda _, __, ours: number(ours.operations / ours.seconds / 1e9),
        "GFLOP/s of matrix products": lambda _, __, ours: number(ours.product_rate / 1e9),
        "reached": lambda _, __, ours: f"{ours.fraction:.0%}",
        "ratio to TRL at 100 %": lambda _, theirs, ours: f"{number(theirs.seconds / ours.seconds / ours.fraction)} ×",
    }
    return _sides(columns, rows)


def _sides(columns: Mapping[str, Callable[[Row, Side, Side], str]], rows: Sequence[Row]) -> str:
    """A table with a line for each row of which both sides were measured."""
    both = [(row, row.theirs, row.ours) for row in rows if row.ours and row.theirs]
    return table(list(columns), [[write(*one) for write in columns.values()] for one in both])


@dataclass(frozen=True)
class Target:
    """`measured` gives a number and its words, or None where it was not run."""

    words: str
    measured: Callable[[Mapping[tuple[Shape, str], Row]], float | None]
    least: float | None = None
    most: float | None = None
    unit: str = " ×"


def _faster(shape: Shape) -> Callable[[Mapping[tuple[Shape, str], Row]], float | None]:
    def measured(rows: Mapping[tuple[Shape, str], Row]) -> float | None:
        row = rows.get((shape, "float32"))
        return row.theirs.seconds / row.ours.seconds if row and row.ours and row.theirs else None

    return measured


def _largest_share(rows: Mapping[tuple[Shape, str], Row]) -> float | None:
    return max((row.ours.peak / row.theirs.peak for row in rows.values() if row.ours and row.theirs), default=None)


def _four_times_the_steers(rows: Mapping[tuple[Shape, str], Row]) -> float | None:
    few, many = (rows.get((Shape(2048, steers), "float32")) for steers in (32, 128))
    return many.ours.seconds / few.ours.seconds if few and many and few.ours and many.ours else None


def _fraction(dtype: str) -> Callable[[Mapping[tuple[Shape, str], Row]], float | None]:
    def measured(rows: Mapping[tuple[Shape, str], Row]) -> float | None:
        row = rows.get((Shape(1024, 32), dtype))
        return 100 * row.ours.fraction if row and row.ours else None

    return measured


TARGETS = (
    Target("256 tokens, 4 steers: at least 5 × as fast as TRL", _faster(Shape(256, 4)), least=5),
    Target("1,024 tokens, 32 steers: at least 100 × as fast", _faster(Shape(1024, 32)), least=100),
    Target("2,048 tokens, 100 steers: at least 200 × as fast", _faster(Shape(2048, 100)), least=200),
    Target("peak memory: at most half of TRL's (largest share)", _largest_share, most=0.5, unit=""),
    Target("32 → 128 steers on one trace of 2,048 tokens: at most 2.2 × the time", _four_times_the_steers, most=2.2),
    Target(
        "1,024 tokens, 32 steers: at least 50 % of the speed of bfloat16 matrix products",
        _fraction("bfloat16"),
        least=50,
        unit=" %",
    ),
    Target("the same in float32", _fraction("float32"), least=50, unit=" %"),
)


def _targets(rows: Sequence[Row]) -> str:
    by_shape = {(row.shape, row.dtype): row for row in rows}
    lines = []
    for target in TARGETS:
        value = target.measured(by_shape)
        if value is None:
            lines.append([target.words, "not run", ""])
            continue
        reached = (target.least is None or value >= target.least) and (target.most is None or value <= target.most)
        lines.append([target.words, number(value) + target.unit, "reached" if reached else "**not reached**"])
    return table(["target", "measured", ""], lines)
