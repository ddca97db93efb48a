"""From traces to supervision: which of their tokens a loss looks at.

An `Example` is a trace with its `Segment`s. A segment is one run of supervised tokens on one path, given as slices of
spans, so that nothing is copied and the layout can place a span once however many steers share it.

Sides:
- `chosen` and `rejected`: the two sides of a steer; an insertion has no `rejected`;
- `marked`: what a mark rejects, a steer without a correction;
- `accepted`: the model's own tokens on the trunk, which the person read and let stand. Tokens that some steer rejects
  are not among them, nor is an end of answer that nobody confirmed;
- `text`: unrelated text, to hold the model where it is;
- `sample`: one of several answers drawn for the same request, which are weighed against each other.

Invariant: every supervised token belongs to a segment, and every segment but `accepted` and `text` to a steer (all
`sample`s of one request count as one).
Steers and traces of weight 0 are absent, and so are steers that are set aside: neither side of them is trained on. What
they reject is not `accepted` either, for somebody has called it wrong; what they choose is a person's, which never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from midcourse.errors import UserError
from midcourse.trace.tree import ROOT, Run, Steer, Trace

Side = Literal["chosen", "rejected", "marked", "accepted", "text", "sample"]


class Slice(NamedTuple):
    """The tokens `start` to `stop` (exclusive) of span `span`."""

    span: int
    start: int
    stop: int


class Drawn(NamedTuple):
    """What is known of a sample: its `target`, the share it should have of its request's probability (all samples of a
    request add up to 1), and the log-probability in nats with which it was drawn."""

    target: float
    logp: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Supervised tokens on one path, first to last. `steer` counts the trace's steers, `which` its rejected runs.

    Part of a longer run that was cut says with `whole` how many tokens that has. `unchanged` are the places of the
    tokens that the other side of the steer has too, where that is asked for (`changes.py`). A `sample` says how it was
    `drawn`.
    """

    side: Side
    slices: tuple[Slice, ...]
    weight: float
    steer: int | None = None
    which: int = 0
    whole: int | None = None
    unchanged: tuple[int, ...] = ()
    drawn: Drawn | None = None

    def __len__(self) -> int:
        return sum(part.stop - part.start for part in self.slices)

    def first(self, count: int) -> Segment:
        """The first `count` tokens of it; itself if it has no more."""
        if count >= len(self):
            return self
        unchanged = tuple(place for place in self.unchanged if place < count)
        kept: list[Slice] = []
        for part in self.slices:
            stop = min(part.stop, part.start + count)
            if stop > part.start:
                kept.append(Slice(part.span, part.start, stop))
            count -= stop - part.start
        return replace(self, slices=tuple(kept), unchanged=unchanged)


@dataclass(frozen=True, slots=True)
class Example:
    """A trace and what is supervised in it; `number` is its place in the input (0-based), `place` where it was read."""

    number: int
    trace: Trace
    segments: tuple[Segment, ...]
    place: str = ""

    @property
    def name(self) -> str:
        """How messages call this trace."""
        return name(self.number, self.trace, self.place)


def name(number: int, trace: Trace, place: str = "") -> str:
    """How messages call a trace: by the place where it was read ("steers.jsonl:3"), otherwise by number and id."""
    return place or f"trace {number} ({trace.id})"


def examples(
    traces: Iterable[Trace], sides: Iterable[Side] = ("chosen", "rejected"), places: Sequence[str] = ()
) -> list[Example]:
    """The supervision of `traces` on the given sides; traces without any are left out. `places` are parallel to them.

    Raises `UserError` when a token has nothing before it that could predict it (an empty prompt).
    """
    wanted = frozenset(sides)
    found = []
    for number, trace in enumerate(traces):
        segments = _segments(trace, wanted) if trace.weight > 0 else ()
        if not segments:
            continue
        place = places[number] if places else ""
        if not trace.prompt:
            raise UserError(f"{name(number, trace, place)} has an empty prompt: nothing predicts its first token")
        found.append(Example(number, trace, segments, place))
    return found


def within(examples: Iterable[Example], horizon: int) -> list[Example]:
    """`examples` with the first `horizon` tokens of all that was rejected; what comes later costs nothing."""
    return [
        replace(
            example,
            segments=tuple(
                segment.first(horizon) if segment.side in ("rejected", "marked") else segment
                for segment in example.segments
            ),
        )
        for example in examples
    ]


def texts(documents: Iterable[Sequence[int]], *, first: int = 0) -> list[Example]:
    """Unrelated texts (token ids, at least two each) as examples of the side `text`, numbered from `first`."""
    found = []
    for number, ids in enumerate(documents, first):
        if len(ids) < 2:
            continue
        trace = Trace(id=f"text-{number}", messages=[], prompt=tuple(ids[:1]), model="", tokenizer="")
        span = trace.branch(ROOT, ids[1:], "import")
        found.append(Example(number, trace, (Segment("text", (Slice(span.id, 0, len(span.ids)),), 1.0),)))
    return found


def weight(trace: Trace, steer: Steer) -> float:
    """How much a steer counts: nothing where it is set aside."""
    return 0.0 if steer.aside else steer.weight * trace.weight


def steered(trace: Trace) -> Iterator[Segment]:
    """Both sides of every steer of `trace`, the chosen one first, whatever their weight."""
    for steer in trace.steers:
        counts = weight(trace, steer)
        if steer.chosen is not None:
            yield Segment("chosen", _slices(trace, steer.chosen), counts, steer.id)
        side: Side = "rejected" if steer.chosen is not None else "marked"
        for which, run in enumerate(steer.rejected):
            yield Segment(side, _slices(trace, run), counts, steer.id, which)


def _segments(trace: Trace, wanted: frozenset[Side]) -> tuple[Segment, ...]:
    found = [segment for segment in steered(trace) if segment.side in wanted and segment.weight > 0]
    if "accepted" in wanted and (slices := _accepted(trace)):
        found.append(Segment("accepted", slices, trace.weight))
    return tuple(found)


def _slices(trace: Trace, run: Run) -> tuple[Slice, ...]:
    """Where the tokens of `run` are written."""
    parts, depth = [], 0
    for span, length in trace.path(trace.end_of(run.span)):
        start, stop = max(run.start - depth, 0), min(run.stop - depth, length)
        if start < stop:
            parts.append(Slice(span.id, start, stop))
        depth += length
    return tuple(parts)


def _accepted(trace: Trace) -> tuple[Slice, ...]:
    refused = {
        (part.span, index)
        for steer in trace.steers
        for run in steer.rejected
        for part in _slices(trace, run)
        for index in range(part.start, part.stop)
    }
    parts = []
    for span, length in trace.path(trace.head):
        if span.source != "model":
            continue
        start = None
        for index in range(length + 1):
            stands = (
                index < length
                and (span.id, index) not in refused
                and (trace.finished or span.ids[index] not in trace.end_ids)
            )
            if stands and start is None:
                start = index
            elif not stands and start is not None:
                parts.append(Slice(span.id, start, index))
                start = None
    return tuple(parts)
