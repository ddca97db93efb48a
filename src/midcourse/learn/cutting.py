"""Large examples in pieces: each with some of the supervision and all the context that this needs, none too large.

Losses are sums over steers and over tokens, divided by constants, so pieces give the gradient of the whole, whatever
goes into which. What may not be torn apart is a *unit*: all runs of one steer, which are compared with each other. An
accepted token, or one of a text, is a unit by itself.

Units are taken from the deepest end of the tree back to its root, subtree by subtree, so that those of one piece share
most of their context: a piece costs its deepest path, and what else its units add to that. On a trunk with short
branches no cut into contiguous parts has fewer pieces.

Legend: N rows and T targets of the layout of the whole example.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from midcourse.learn.compute import rows as rows_of
from midcourse.learn.items import Example, Segment, Slice
from midcourse.learn.layout import Layout, build

SPARE = 4


@dataclass(frozen=True, slots=True)
class Unit:
    """Targets that stay together: of one steer, or a single one.

    `deepest` is the row of the longest path, `ends` the last row of each run, `context` the tokens before its first.
    """

    targets: tuple[int, ...]
    steer: int | None
    deepest: int
    ends: tuple[int, ...]
    context: int


def cut(example: Example, max_tokens: int, *, by_rows: bool = False) -> list[Example]:
    """`example` in pieces whose layouts have at most `max_tokens` rows each, where its units allow that.

    A unit that has more by itself takes others with it that add at most a `SPARE`th to its context.

    With `by_rows` every run is fed with its own copy of its context, and counts so; then nothing but steers is told
    apart, for a second piece of the accepted tokens would cost their context again.
    """
    layout = build([example])
    if (rows_of.size(layout) if by_rows else len(layout)) <= max_tokens:
        return [example]
    found = Pieces(layout, by_rows=by_rows)
    pieces: list[list[Unit]] = []
    size = limit = 0
    rows: set[int] = set()
    for unit in found.units:
        more = found.cost(unit, rows)
        if not pieces or size + more > limit:
            pieces.append([])
            size, rows = 0, set()
            more = found.cost(unit, rows)
            limit = max_tokens if more <= max_tokens else more + more // SPARE
        pieces[-1].append(unit)
        size += more
        found.mark(unit, rows)
    return [part(layout, piece) for piece in pieces] if len(pieces) > 1 else [example]


class Pieces:
    """The units of a layout, in the order in which they are taken, and what they cost."""

    def __init__(self, layout: Layout, *, by_rows: bool = False) -> None:
        self.layout = layout
        self.by_rows = by_rows
        self.units = sorted(_units(layout, split=not by_rows), key=lambda unit: _backwards(layout, unit.deepest))

    def cost(self, unit: Unit, rows: set[int]) -> int:
        """How many tokens `unit` adds to a piece that has `rows` already."""
        if self.by_rows:
            return sum(self.layout.position_N[end] + 1 for end in unit.ends)
        return len(self.new(unit, rows))

    def mark(self, unit: Unit, rows: set[int]) -> None:
        """Add the rows of `unit` and of its context to `rows`."""
        if not self.by_rows:
            rows |= self.new(unit, rows)

    def new(self, unit: Unit, rows: set[int]) -> set[int]:
        """The rows of `unit` and of its context that are not in `rows`, which holds whole paths."""
        found: set[int] = set()
        for row in unit.ends:
            while row >= 0 and row not in rows and row not in found:
                found.add(row)
                row = self.layout.parent_N[row]
        return found


def part(layout: Layout, units: Iterable[Unit]) -> Example:
    """The example of `layout` with the supervision of `units` alone."""
    (example,) = layout.examples
    kept = {target for unit in units for target in unit.targets}
    segments, start = [], 0
    for placed in layout.segments:
        segment = placed.segment
        mine = [place for place in range(len(segment)) if start + place in kept]
        start += len(segment)
        if mine:
            segments.append(segment if len(mine) == len(segment) else _some(segment, mine))
    return replace(example, segments=tuple(segments))


def _units(layout: Layout, *, split: bool) -> list[Unit]:
    steers: dict[object, list[int]] = {}
    for target, number in enumerate(layout.segment_T):
        segment = layout.segments[number].segment
        alone = ("segment", number) if not split else ("target", target)
        steers.setdefault(segment.steer if segment.steer is not None else alone, []).append(target)
    found = []
    for name, targets in steers.items():
        last = {layout.segment_T[target]: layout.row_T[target] for target in targets}
        rows = [layout.row_T[target] for target in targets]
        deepest = max(rows, key=lambda row: (layout.position_N[row], row))
        context = min(layout.position_N[row] for row in rows) + 1
        steer = name if isinstance(name, int) else None
        found.append(Unit(tuple(targets), steer, deepest, tuple(last.values()), context))
    return found


def _backwards(layout: Layout, row: int) -> tuple[int, int]:
    """Sorts rows children first, subtree by subtree (postorder)."""
    return layout.exit_N[row], -row


def _some(segment: Segment, places: Sequence[int]) -> Segment:
    """The tokens of `segment` at `places` (ascending), as part of the whole."""
    tokens = [(part.span, index) for part in segment.slices for index in range(part.start, part.stop)]
    slices: list[Slice] = []
    for span, index in (tokens[place] for place in places):
        if slices and slices[-1].span == span and slices[-1].stop == index:
            slices[-1] = slices[-1]._replace(stop=index + 1)
        else:
            slices.append(Slice(span, index, index + 1))
    return replace(segment, slices=tuple(slices), whole=len(segment))
