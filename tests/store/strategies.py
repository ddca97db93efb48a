"""Traces with every field filled in, made only by the operations that people have."""

from __future__ import annotations

from hypothesis import strategies as st

from midcourse.errors import SteerError
from midcourse.trace.tree import ROOT, SOURCES, Run, Trace, problems

END = 99
TEXT = st.text(st.characters(), max_size=12)  # NUL and lone surrogates too
TOKENS = st.lists(st.integers(0, 6), min_size=1, max_size=6)
FLOATS = st.floats(allow_nan=False)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    trace = Trace(
        id=draw(st.text(st.characters(), min_size=1, max_size=8)),
        messages=draw(
            st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": TEXT}), max_size=3)
        ),
        prompt=tuple(draw(st.lists(st.integers(0, 2**31 - 1), max_size=5))),
        model=draw(TEXT),
        tokenizer=draw(TEXT),
        end_ids=frozenset({END, draw(st.integers(100, 2**31 - 1))}),
        attributes=draw(st.dictionaries(TEXT, FLOATS, max_size=2)),
        tags=tuple(draw(st.lists(TEXT, max_size=3))),
        weight=draw(st.floats(0, 1e300)),
        author=draw(st.none() | TEXT),
        created=draw(st.none() | TEXT),
        finished=draw(st.booleans()),
    )
    for _ in range(draw(st.integers(0, 8))):
        try:
            _operation(draw, trace)
        except SteerError:
            continue
    assert problems(trace) == []
    return trace


def _operation(draw: st.DrawFn, trace: Trace) -> None:
    ids = draw(TOKENS)
    if draw(st.integers(0, 9)) == 0:
        ids = [*ids, END]
    match draw(st.sampled_from(["grow", "grow", "steer", "steer", "branch", "undo", "redo"])):
        case "grow":
            size = len(ids)
            logprobs = draw(st.none() | st.lists(st.floats(allow_nan=False, max_value=0), min_size=size, max_size=size))
            trace.grow(ids, draw(st.sampled_from(SOURCES)), logprobs)  # type: ignore[arg-type]
        case "branch":
            trace.branch(trace.at(trace.head, draw(st.integers(0, trace.depth(trace.head)))), ids, "teacher")
        case "undo":
            trace.undo()
        case "redo":
            trace.redo()
        case "steer":
            steer(draw, trace, ids)


def steer(draw: st.DrawFn, trace: Trace, ids: list[int]) -> None:
    """A steer somewhere on the way to the head: a correction, an insertion or a mark."""
    depth, start = trace.depth(trace.head), draw(st.integers(0, trace.depth(trace.head)))
    at = trace.at(trace.head, start)
    rejected = [Run(trace.head.span, start, depth)] if trace.head.span is not None and start < depth else []
    # A run must stop inside of its span.
    if rejected and draw(st.booleans()):
        rejected = []
    trace.steer(
        ROOT if start == 0 else at,
        None if rejected and draw(st.integers(0, 4)) == 0 else ids,
        rejected,
        reason=draw(st.none() | TEXT),
        tags=draw(st.lists(TEXT, max_size=2)),
        weight=draw(st.floats(0, 10)),
        author=draw(st.none() | TEXT),
        created=draw(st.none() | TEXT),
        aside=draw(st.booleans()),
        serves=draw(st.lists(TEXT, max_size=2)),
    )
