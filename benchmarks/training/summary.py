"""What the measurements say: for each shape and dtype the medians of ours, the fastest of TRL's, and their ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.training.pairs import Shape

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """An epoch of one side. Seconds and rates are medians over repeats, memory is the largest."""

    seconds: float
    reference: float
    peak: int
    above: int  # of the peak, what came on top of the loaded model
    tokens: int
    product_rate: float
    repeats: int
    batch: int = 0
    recompute: bool = False
    measured: int = 0  # pairs that were really run
    operations: float = 0.0

    @property
    def whole(self) -> float:
        """With the reference pass."""
        return self.seconds + self.reference

    @property
    def steadied(self) -> float:
        """Seconds times the speed of the machine in these seconds: what to compare where that speed changes."""
        return self.seconds * self.product_rate

    @property
    def fraction(self) -> float:
        """Of what matrix products reach in this process, the part that needed work reached."""
        return self.operations / self.seconds / self.product_rate


@dataclass(frozen=True)
class Row:
    """One shape in one dtype; a side that was not measured is None."""

    shape: Shape
    dtype: str
    ours: Side | None
    theirs: Side | None


def rows(results: Iterable[Result]) -> list[Row]:
    """A row for each shape and dtype, smaller ones first."""
    groups: dict[tuple[str, Shape], dict[str, list[Result]]] = {}
    for result in results:
        cell = result["cell"]
        group = groups.setdefault((cell["dtype"], Shape(*cell["shape"])), {"midcourse": [], "trl": []})
        if "failed" not in result:
            group[cell["side"]].append(result)
    order = sorted(groups, key=lambda key: (key[0] != "float32", key[1]))
    return [Row(shape, dtype, _ours(groups[dtype, shape]), _theirs(groups[dtype, shape])) for dtype, shape in order]


def _ours(group: Mapping[str, Sequence[Result]]) -> Side | None:
    return _side(group["midcourse"]) if group["midcourse"] else None


def _theirs(group: Mapping[str, Sequence[Result]]) -> Side | None:
    ways: dict[tuple[int, bool], list[Result]] = {}
    for result in group["trl"]:
        ways.setdefault((result["cell"]["batch"], result["cell"]["recompute"]), []).append(result)
    return min(map(_side, ways.values()), key=lambda side: side.steadied, default=None)


def _side(results: Sequence[Result]) -> Side:
    def median(name: str) -> float:
        return statistics.median(result[name] for result in results)

    first = results[0]
    return Side(
        seconds=median("epoch_seconds"),
        reference=median("reference_seconds"),
        peak=max(result["peak_bytes"] for result in results),
        above=max(result["peak_bytes"] - result["loaded_bytes"] for result in results),
        tokens=first["tokens"],
        product_rate=median("product_rate"),
        repeats=len(results),
        batch=first["cell"]["batch"],
        recompute=first["cell"]["recompute"],
        measured=first.get("measured_pairs", 0),
        operations=sum(first.get("operations", {}).values()),
    )
