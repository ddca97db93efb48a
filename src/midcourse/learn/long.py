"""Steers further from the beginning than the model sees, or than goes through it at once: what their context loses.

A unit (cutting.py: all runs of a steer, or one accepted token) is *long* if it does not fit with its whole context into
`max_tokens`, or its path not into the model's context. All others keep theirs. A long one is an error, is left out, or
keeps the last part of its context, as `long` says. Long units that lie close together share one window of the trace, so
that a window is computed once and not once for each: it reaches as far back as there is room, and leaves each of them
at least half of what fits. The window is an example by itself, whose prompt is the token it begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from midcourse.errors import ContextError
from midcourse.learn.cutting import Pieces, Unit, part
from midcourse.learn.items import Example, Slice
from midcourse.learn.layout import Layout, build, used
from midcourse.trace.tree import ROOT, Span
from midcourse.words import listed

Long = Literal["cut", "error", "skip"]


class Cut(NamedTuple):
    """A steer of `example` (None: `tokens` accepted tokens) with `kept` of its `context` tokens; 0: it is left out."""

    example: Example
    steer: int | None
    tokens: int
    context: int
    kept: int

    @property
    def entry(self) -> dict[str, object]:
        """For `metrics.json`."""
        where = {"trace": self.example.number, "name": self.example.name}
        what = {"steer": self.steer} if self.steer is not None else {"accepted_tokens": self.tokens}
        return {**where, **what, "context": self.context, "kept": self.kept}

    def __str__(self) -> str:
        what = f"{self.tokens:,} accepted tokens" if self.steer is None else f"steer {self.steer}"
        kept = f" cut to the last {self.kept:,}" if self.kept else ""
        return f"{self.example.name}, {what}: context of {self.context:,} tokens{kept}"


def shorten(
    examples: Sequence[Example], max_tokens: int, context_length: int, long: Long
) -> tuple[list[Example], list[Cut]]:
    """`examples` in which nothing is long, and what became of what was; the others are untouched.

    Raises `ContextError` naming all that is long if that is an error; otherwise, unless it is skipped, what cannot be
    cut to fit: a conversation or a run that fills the model's context by itself.
    """
    found: list[Example] = []
    cuts: list[Cut] = []
    hopeless: list[str] = []
    for example in examples:
        layout = build([example])
        if len(layout) <= max_tokens and layout.depth <= context_length:
            found.append(example)
            continue
        room = _Room(layout, max_tokens, context_length)
        far = [unit for unit in room.pieces.units if room.start(room.rows(unit), unit.deepest)]
        near = [unit for unit in room.pieces.units if not room.start(room.rows(unit), unit.deepest)]
        if near:
            found.append(part(layout, near))
        if long == "cut":
            if far and len(example.trace.prompt) >= context_length:
                hopeless.append(f"{example.name} (its conversation: {len(example.trace.prompt):,})")
            hopeless += [f"{example.name}, steer {u.steer}" for u in far if room.longest(u) > context_length]
            for group, start in room.groups(far) if not hopeless else ():
                found.append(_window(layout, group, start))
                cuts += _cuts(example, group, start)
        else:
            cuts += _cuts(example, far, None)
    if hopeless:
        raise ContextError(
            f"the model sees {context_length:,} tokens, and no room is left beside: {listed(hopeless)}. Shorten them, "
            "or set long to skip"
        )
    if cuts and long == "error":
        raise ContextError(
            f"the model sees {context_length:,} tokens, and max_tokens are {max_tokens:,}. Too long: {listed(cuts)}. "
            "Shorten the conversation, raise max_tokens if that is the smaller one, or set long to cut or skip"
        )
    return found, cuts


def notice(cuts: Sequence[Cut]) -> str:
    """What to tell of `cuts`, the longest first."""
    order = sorted(cuts, key=lambda cut: -cut.context)
    return f"{'cut' if order[0].kept else 'left out'}, because too long: {listed(order)}"


class _Room:
    """What fits: at most `max_tokens` rows in an example, at most `context_length` tokens on a path."""

    def __init__(self, layout: Layout, max_tokens: int, context_length: int) -> None:
        self.layout, self.max_tokens, self.context_length = layout, max_tokens, context_length
        self.pieces = Pieces(layout)

    def rows(self, unit: Unit) -> int:
        """How many rows it has with its context."""
        return self.layout.position_N[unit.deepest] + 1 if len(unit.ends) == 1 else len(self.pieces.new(unit, set()))

    def longest(self, unit: Unit) -> int:
        """The tokens of its longest run, and one before it."""
        return self.layout.position_N[unit.deepest] + 3 - unit.context

    def start(self, rows: int, deepest: int) -> int:
        """How many tokens must go from the beginning so that so many rows, down to the row `deepest`, fit."""
        return max(0, rows - self.max_tokens, self.layout.position_N[deepest] + 2 - self.context_length)

    def latest(self, unit: Unit) -> int:
        """How many tokens may go, at most, so that `unit` keeps half of what fits, or what its own runs leave room for.

        One whose runs alone are more than `max_tokens` keeps half, and is computed at once nevertheless.
        """
        half = min(self.max_tokens, self.context_length) // 2
        own = self.rows(unit) - unit.context
        left = self.max_tokens - own if own < self.max_tokens else half
        left = min(half, left, self.context_length - self.longest(unit) + 1)
        return unit.context - max(1, left)

    def groups(self, units: Iterable[Unit]) -> list[tuple[list[Unit], int]]:
        """`units` in groups that share a window, and where the window begins."""
        position_N = self.layout.position_N
        found: list[tuple[list[Unit], int]] = []
        rows: set[int] = set()
        deepest = latest = shared = 0  # of the group: its deepest row, the latest start, the depth of its first fork
        for unit in units:
            new = self.pieces.new(unit, rows)
            if found:
                deeper = max(deepest, unit.deepest, key=position_N.__getitem__)
                bound = min(latest, self.latest(unit), shared, *(position_N[row] - 1 for row in new))
                start = self.start(len(rows) + len(new), deeper)
                if start <= bound:
                    found[-1] = ([*found[-1][0], unit], start)
                    rows |= new
                    deepest, latest, shared = deeper, min(latest, self.latest(unit)), bound
                    continue
                new = self.pieces.new(unit, set())
            rows, deepest, latest, shared = new, unit.deepest, self.latest(unit), position_N[unit.deepest]
            found.append(([unit], min(self.start(len(rows), deepest), latest)))
        return found


def _window(layout: Layout, units: Sequence[Unit], start: int) -> Example:
    """The example of `units` alone, without the first `start` tokens of the path that they share."""
    example = part(layout, units)
    trace = example.trace
    prompt = trace.prompt[start:]
    if not prompt:
        prompt = (layout.token_N[layout.path(units[0].deepest)[start]],)
    spans: list[Span] = []
    new: dict[int, tuple[int, int]] = {}  # old span → new one, and how many of its tokens are gone
    begins: dict[int, int] = {}
    for number in used(example):
        span = trace.spans[number]
        begins[number] = len(trace.prompt) if span.parent is None else begins[span.parent] + span.fork
        gone = max(0, start + 1 - begins[number]) if start >= len(trace.prompt) else 0
        if gone >= len(span.ids):
            continue
        parent, fork = None, 0
        if span.parent in new and (left := span.fork - new[span.parent][1]) > 0 and not gone:
            parent, fork = new[span.parent][0], left
        new[number] = (len(spans), gone)
        spans.append(Span(len(spans), parent, fork, span.ids[gone:], span.source))
    short = replace(trace, prompt=prompt, spans=spans, steers=[], history=[ROOT], cursor=0)
    segments = tuple(
        replace(segment, slices=tuple(_moved(one, *new[one.span]) for one in segment.slices))
        for segment in example.segments
    )
    return replace(example, trace=short, segments=segments)


def _moved(one: Slice, span: int, gone: int) -> Slice:
    return Slice(span, one.start - gone, one.stop - gone)


def _cuts(example: Example, units: Iterable[Unit], start: int | None) -> list[Cut]:
    """What is told of `units`: each steer, and single tokens together (with the longest context among them)."""
    found, tokens = [], 0
    context = kept = 0
    for unit in units:
        if unit.steer is not None:
            found.append(Cut(example, unit.steer, 0, unit.context, 0 if start is None else unit.context - start))
        else:
            tokens += 1
            context = max(context, unit.context)
            kept = 0 if start is None else context - start
    return [*found, Cut(example, None, tokens, context, kept)] if tokens else found
