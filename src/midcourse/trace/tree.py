"""A trace: one answer and the whole story of how it came about.

Representation: the prompt's ids, an append-only list of token spans that form a tree, an append-only list of steers
that point into it, and the head, a point in the tree. Depths count *answer* tokens: depth 0 is right after the prompt.

Invariants:
- A span is never changed. Its tokens follow `path(parent)` cut after `fork` tokens of the parent, so joining a path
  gives exactly the ids that the model saw. A parent comes before its children.
- Only the head moves: undo, redo and regenerate destroy nothing, and steers on abandoned branches stay valid.
- `chosen` and each `rejected` of a steer begin at one depth after identical context ids. The prefix that all of them
  share is trimmed off; none is empty after that. With one rejected run, the first tokens differ.
- No token follows an end-of-answer token.

Plain Python: no torch, no tokenizer, no database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from midcourse.errors import SteerError
from midcourse.trace import prefix

Source = Literal["model", "human", "teacher", "import"]
SOURCES: tuple[str, ...] = get_args(Source)
Kind = Literal["correction", "insertion", "ending", "mark"]
Message = dict[str, Any]  # {"role": ..., "content": ...}, as a chat template takes it


class Point(NamedTuple):
    """A place in the tree: after `length` tokens of `span`. `Point(None, 0)` is right after the prompt."""

    span: int | None
    length: int


ROOT = Point(None, 0)


class Run(NamedTuple):
    """A slice of a path: the tokens at depths `start` to `stop` (exclusive) of `path(span)`, the last one in `span`."""

    span: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Span:
    """A run of token ids with one source.

    `fork` counts tokens of the *parent span* (0 with parent None: right after the prompt). `logprobs`, where known, is
    parallel to `ids`: the log-probability in nats that the model gave each token before any sampling filter.
    """

    id: int
    parent: int | None
    fork: int
    ids: tuple[int, ...]
    source: Source
    logprobs: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Steer:
    """One correction. `chosen` None is a mark (off track, no correction); `rejected` empty is a pure insertion.

    `ends` is True when `chosen` closes the answer: its last token is then an end-of-answer token. `created` is
    ISO 8601. A steer that is set `aside` is kept, and nothing is trained on it. `serves` names the attributes (such as
    verbosity) for whose sake it was made.
    """

    id: int
    chosen: Run | None
    rejected: tuple[Run, ...]
    ends: bool = False
    reason: str | None = None
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    author: str | None = None
    created: str | None = None
    aside: bool = False
    serves: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """`ending` chooses the end of the answer and nothing else; `insertion` rejects nothing."""
        if self.chosen is None:
            return "mark"
        if self.ends and self.chosen.stop - self.chosen.start == 1:
            return "ending"
        return "correction" if self.rejected else "insertion"

    @property
    def start(self) -> int:
        """The depth at which every run of this steer begins: the length of its context within the answer."""
        return self.chosen.start if self.chosen else self.rejected[0].start


@dataclass(slots=True)
class Trace:
    """A conversation, the tree of spans that answers it, and the steers in that tree.

    `history[:cursor + 1]` are the places where the head has been, the last one is where it is; what follows can be
    redone. `model` and `tokenizer` (a fingerprint of tokenizer and chat template) say whose ids these are.
    """

    id: str
    messages: list[Message]
    prompt: tuple[int, ...]
    model: str
    tokenizer: str
    end_ids: frozenset[int] = frozenset()
    spans: list[Span] = field(default_factory=list)
    steers: list[Steer] = field(default_factory=list)
    history: list[Point] = field(default_factory=lambda: [ROOT])
    cursor: int = 0
    finished: bool = False
    attributes: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    author: str | None = None
    created: str | None = None

    # ---- reading -------------------------------------------------------------------------------------------------

    @property
    def head(self) -> Point:
        """Where the accepted answer ends at present."""
        return self.history[self.cursor]

    def path(self, point: Point) -> list[tuple[Span, int]]:
        """The spans from the first to `point`'s, each with how many of its tokens belong to the path."""
        parts: list[tuple[Span, int]] = []
        span_id, length = point
        while span_id is not None:
            span = self.spans[span_id]
            parts.append((span, length))
            span_id, length = span.parent, span.fork
        return parts[::-1]

    def answer(self, point: Point) -> list[int]:
        """The answer's ids up to `point`, without the prompt."""
        return [token for span, length in self.path(point) for token in span.ids[:length]]

    def depth(self, point: Point) -> int:
        """How many answer tokens lead to `point`."""
        span_id, depth = point
        while span_id is not None:
            span = self.spans[span_id]
            span_id = span.parent
            depth += span.fork
        return depth

    def at(self, point: Point, depth: int) -> Point:
        """The place on the path to `point` after `depth` answer tokens."""
        span_id, length = point
        before = self.depth(point) - length
        if depth > before + length:
            raise SteerError(f"the path is {depth - before - length} tokens shorter than the place asked for")
        while span_id is not None and depth <= before:
            span = self.spans[span_id]
            span_id, length = span.parent, span.fork
            before -= length
        return ROOT if span_id is None else Point(span_id, depth - before)

    def end_of(self, span: int) -> Point:
        """The place after the last token of `span`."""
        return Point(span, len(self.spans[span].ids))

    def run_ids(self, run: Run) -> list[int]:
        """The ids of a run."""
        span = self.spans[run.span]
        length = len(span.ids)
        before = self.depth(Point(run.span, length)) - length
        parts: list[tuple[int, ...]] = []
        while True:
            if before < run.stop:
                parts.append(span.ids[max(run.start - before, 0) : min(run.stop - before, length)])
            if before <= run.start or span.parent is None:
                break
            length, span = span.fork, self.spans[span.parent]
            before -= length
        return [token for part in reversed(parts) for token in part]

    def context(self, steer: Steer) -> list[int]:
        """All ids that precede the steer's runs: the prompt and the answer up to the fork."""
        run = steer.chosen or steer.rejected[0]
        return [*self.prompt, *self.answer(self.end_of(run.span))[: run.start]]

    def trunk(self) -> Iterator[tuple[int, Source]]:
        """The accepted answer, token by token, with each token's source."""
        for span, length in self.path(self.head):
            for token in span.ids[:length]:
                yield token, span.source

    def on_path(self) -> list[bool]:
        """Parallel to `steers`: whether the accepted answer holds its correction (a mark: what it marks)."""
        until, depth = dict[int, int](), 0  # span on the path → depth up to which the path has it
        for span, length in self.path(self.head):
            depth += length
            until[span.id] = depth
        runs = [steer.chosen or steer.rejected[0] for steer in self.steers]
        return [until.get(run.span, 0) >= run.stop for run in runs]

    # ---- writing -------------------------------------------------------------------------------------------------

    def grow(self, ids: Sequence[int], source: Source, logprobs: Sequence[float] | None = None) -> Span:
        """Append a span at the head and move the head to its end; one undo step unless it goes on with the same source.

        Raises `SteerError` if it is empty or the answer has already ended there.
        """
        span = self._branch(self.head, ids, source, logprobs)
        before = self.head.span
        undone = self.cursor + 1 < len(self.history)  # after an undo, going on is a step of its own
        goes_on = before is not None and self.head == self.end_of(before) and self.spans[before].source == "model"
        if goes_on and source == "model" and not undone:
            self.history[self.cursor] = self.end_of(span.id)  # a model that goes on writing is one step
        else:
            self.move(self.end_of(span.id))
        return span

    def branch(self, at: Point, ids: Sequence[int], source: Source, logprobs: Sequence[float] | None = None) -> Span:
        """Append a span at any place without moving the head. Raises `SteerError` as `grow` does."""
        return self._branch(at, ids, source, logprobs)

    def steer(
        self,
        at: Point,
        chosen: Sequence[int] | None,
        rejected: Sequence[Run] = (),
        *,
        source: Source = "human",
        move: bool = True,
        reason: str | None = None,
        tags: Sequence[str] = (),
        weight: float = 1.0,
        author: str | None = None,
        created: str | None = None,
        aside: bool = False,
        serves: Sequence[str] = (),
    ) -> Steer:
        """Record that after `at` come the tokens `chosen`, not the `rejected` runs (which begin at the same depth).

        `chosen` None records a mark. What all sides share at their beginning is trimmed off, and the chosen span forks
        after it. The head moves to the end of `chosen` unless `move` is False. Raises `SteerError`, changing nothing,
        when nothing is left to choose or to reject, or when the runs do not share their context.
        """
        depth = self.depth(at)
        sides = [self.run_ids(run) for run in rejected]
        for run in rejected:
            end = self.end_of(run.span)
            same = run.start == depth <= self.depth(end)
            if not same or (self.at(end, depth) != at and self.answer(end)[:depth] != self.answer(at)):
                raise SteerError("a rejected run does not follow the same context as the correction")
        if chosen is not None and not chosen:
            raise SteerError('nothing is chosen; give a correction, end the answer ("end": true), or only mark it')
        if chosen is None and not rejected:
            raise SteerError("the steer is empty: it neither chooses nor rejects anything")
        if any(not ids for ids in sides):
            raise SteerError("a rejected run is empty")
        shared = 0
        if chosen is not None and sides:
            shared = prefix.shared(chosen, *sides)
            if shared == len(chosen):
                raise SteerError(
                    "the correction only repeats the beginning of what was rejected; "
                    'if the answer should have stopped there, end it ("end": true)'
                )
            if any(shared == len(ids) for ids in sides):
                raise SteerError("what was rejected is only the beginning of the correction: nothing is rejected")
            if any(list(chosen)[: len(ids)] == ids for ids in sides):
                raise SteerError("one of the rejected runs is only the beginning of the correction")
            if any(ids[: len(chosen)] == list(chosen) for ids in sides):
                raise SteerError("the correction is only the beginning of one of the rejected runs")
        runs = tuple(Run(run.span, depth + shared, run.stop) for run in rejected)
        chosen_run, ends = None, False
        if chosen is not None:
            fork = self.at(self.end_of(rejected[0].span), depth + shared) if shared else at
            span = self._branch(fork, list(chosen)[shared:], source, None)
            chosen_run = Run(span.id, depth + shared, depth + len(chosen))
            ends = chosen[-1] in self.end_ids
        about = (reason, tuple(tags), weight, author, created, aside, tuple(serves))
        made = Steer(len(self.steers), chosen_run, runs, ends, *about)
        self.steers.append(made)
        if move and chosen_run is not None:
            self.move(self.end_of(chosen_run.span))
        return made

    def move(self, to: Point) -> None:
        """Put the head at `to`; what could be redone is forgotten (its spans are not)."""
        if to == self.head:
            return
        del self.history[self.cursor + 1 :]
        self.history.append(to)
        self.cursor += 1

    def undo(self) -> bool:
        """Move the head to where it was before; False when there is nothing to undo."""
        able = self.cursor > 0
        self.cursor -= able
        return able

    def redo(self) -> bool:
        """Take one undo back; False when there is nothing to redo."""
        able = self.cursor + 1 < len(self.history)
        self.cursor += able
        return able

    def _branch(self, at: Point, ids: Sequence[int], source: Source, logprobs: Sequence[float] | None) -> Span:
        if not ids:
            raise SteerError("a span needs at least one token")
        assert source in SOURCES
        assert logprobs is None or len(logprobs) == len(ids)
        if at.span is not None and self.spans[at.span].ids[at.length - 1] in self.end_ids:
            raise SteerError("the answer has ended here; steer before its end")
        if any(token in self.end_ids for token in ids[:-1]):
            raise SteerError("tokens follow an end-of-answer token")
        span = Span(
            len(self.spans), at.span, at.length, tuple(ids), source, None if logprobs is None else tuple(logprobs)
        )
        self.spans.append(span)
        return span


def problems(trace: Trace, *, spans: int = 0, steers: int = 0) -> list[str]:
    """Every invariant of this module that `trace` breaks, in words; empty for a sound trace.

    The first `spans` spans and `steers` steers are taken to have been checked before.
    """
    found: list[str] = []
    for number, span in enumerate(trace.spans[spans:], spans):
        if span.id != number:
            found.append(f"span {number} calls itself {span.id}")
        if not span.ids:
            found.append(f"span {number} is empty")
        if span.source not in SOURCES:
            found.append(f"span {number} has the unknown source {span.source!r}")
        if span.logprobs is not None and len(span.logprobs) != len(span.ids):
            found.append(f"span {number} has {len(span.logprobs)} log-probabilities for {len(span.ids)} tokens")
        if any(token in trace.end_ids for token in span.ids[:-1]):
            found.append(f"span {number} goes on after the end of the answer")
        if span.parent is None:
            if span.fork != 0:
                found.append(f"span {number} has no parent but forks after {span.fork} tokens")
        elif not 0 <= span.parent < number:
            found.append(f"span {number} has the parent {span.parent}, which does not come before it")
        elif not 0 < span.fork <= len(trace.spans[span.parent].ids):
            found.append(f"span {number} forks after {span.fork} of {len(trace.spans[span.parent].ids)} tokens")
        elif trace.spans[span.parent].ids[span.fork - 1] in trace.end_ids:
            found.append(f"span {number} follows the end of the answer")
    if found:  # paths cannot be trusted
        return found
    if not 0 <= trace.cursor < len(trace.history):
        return [f"the head is entry {trace.cursor} of {len(trace.history)}"]
    found += [
        f"the head has been at {tuple(point)}, which is no place in the tree"
        for point in trace.history
        if point != ROOT and not _is_place(trace, point)
    ]
    if not 0 <= trace.weight < math.inf:
        found.append(f"the trace has the weight {trace.weight}")
    for number, steer in enumerate(trace.steers[steers:], steers):
        found += [f"steer {number} {problem}" for problem in _steer_problems(trace, number, steer)]
    return found


def _is_place(trace: Trace, point: Point) -> bool:
    if point.span is None or not 0 <= point.span < len(trace.spans):
        return False
    return 0 < point.length <= len(trace.spans[point.span].ids)


def _steer_problems(trace: Trace, number: int, steer: Steer) -> Iterator[str]:
    runs = [*([steer.chosen] if steer.chosen else []), *steer.rejected]
    if steer.id != number:
        yield f"calls itself {steer.id}"
    if not runs:
        yield "is empty"
        return
    for run in runs:
        if not 0 <= run.span < len(trace.spans):
            yield f"points at span {run.span}, which does not exist"
            return
        last = trace.depth(trace.end_of(run.span))
        if not (0 <= run.start < run.stop <= last and run.stop > last - len(trace.spans[run.span].ids)):
            yield f"has the run {tuple(run)} outside of its path of {last} tokens"
            return
    forks = {trace.at(trace.end_of(run.span), run.start) for run in runs}
    if len({run.start for run in runs}) > 1 or (len(forks) > 1 and len({tuple(trace.answer(at)) for at in forks}) > 1):
        yield "has runs with different contexts"
    if steer.chosen and steer.rejected:
        chosen, *sides = [trace.run_ids(run) for run in runs]
        if prefix.shared(chosen, *sides):
            yield "has runs that begin alike"
        for ids in sides:
            if prefix.shared(chosen, ids) == min(len(chosen), len(ids)):
                yield "has a correction and a rejected run of which one only begins the other"
    if steer.ends != bool(steer.chosen and trace.run_ids(steer.chosen)[-1] in trace.end_ids):
        yield "says wrongly whether it ends the answer"
    if not 0 <= steer.weight < math.inf:
        yield f"has the weight {steer.weight}"
