"""Runs of model text: where one began, and which seed it goes on with.

The model's text is saved in chunks, so one run of the model is a chain of spans: each the first model span at the very
end of the one before it. Everything here is a function of the tree alone. A session that was killed and opened again
therefore goes on with the seed it had, and a run that is generated again at the same place gets another one.
"""

from __future__ import annotations

from midcourse.trace.tree import Point, Span, Trace

SEED_STRIDE = 1_000_003  # far apart, so that the retries of one seed are not the first tries of the next


def begins(trace: Trace, point: Point) -> Point:
    """Where the run that `point` lies in began; `point` itself when what precedes it was not written by a model."""
    while point.span is not None and trace.spans[point.span].source in ("model", "import"):
        span = trace.spans[point.span]
        point = Point(span.parent, span.fork)
        if not _goes_on(trace, span):
            break
    return point


def attempt(trace: Trace, point: Point) -> int:
    """How many times a model has already gone on from `point` otherwise than by its own run; 0 for the first time."""
    count, before = 0, len(trace.spans)
    while True:
        count += _tries(trace, point, before)
        if point.span is None or trace.spans[point.span].source != "model":
            return count
        span = trace.spans[point.span]
        point, before = Point(span.parent, span.fork), span.id


def _goes_on(trace: Trace, span: Span) -> bool:
    parent = None if span.parent is None else trace.spans[span.parent]
    return (
        parent is not None
        and parent.source == span.source == "model"
        and _tries(trace, Point(parent.id, span.fork), span.id) == 0
    )


def _tries(trace: Trace, point: Point, before: int) -> int:
    """Model continuations at `point` among the first `before` spans, the rest of its own span included."""
    inside = (
        point.span is not None
        and trace.spans[point.span].source == "model"
        and point.length < len(trace.spans[point.span].ids)
    )
    beside = sum(
        span.source == "model" and (span.parent, span.fork) == (point.span, point.length)
        for span in trace.spans[:before]
    )
    return inside + beside
