"""Steers that contradict each other: after the very same tokens, what one chose another rejects.

Two steers meet only if all tokens before their forks agree, prompt included, whichever traces they stand in. Then

- they are *opposite* if the one's correction and the other's rejected run begin alike up to the end of the shorter;
- they *differ* if both correct, and neither correction begins with the other. That is no mistake (two answers can be
  right), but a loss pulls two ways.

Contexts are found by a digest (64 bits) and compared in full before anything is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from midcourse.errors import InputErrors, Problem
from midcourse.learn import items
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Steer, Trace
from midcourse.words import counted, listed


class Named(NamedTuple):
    """A steer: which of the traces, and which of its steers, both from 0."""

    trace: int
    steer: int


class Found(NamedTuple):
    """`opposite`: the first steer chose what the second rejects. `different`: both correct, each in its way."""

    opposite: list[tuple[Named, Named]]
    different: list[tuple[Named, Named]]


def find(traces: Sequence[Trace]) -> Found:
    """All pairs of steers that count and contradict each other, in the order of the traces.

    Cost: O(tokens) to find the contexts that several steers share, then every pair of such steers.
    """
    by_context: dict[int, list[Named]] = defaultdict(list)
    for number, trace in enumerate(traces):
        for steer, digest in _forks(trace):
            by_context[digest].append(Named(number, steer))
    opposite: set[tuple[Named, Named]] = set()
    different: set[tuple[Named, Named]] = set()
    for names in by_context.values():
        for pair in combinations(names, 2):
            (one, first), (two, second) = ((traces[name.trace], _steer(traces, name)) for name in pair)
            if one is not two and one.context(first) != two.context(second):
                continue
            if _chose_rejected(one, first, two, second):
                opposite.add(pair)
            if _chose_rejected(two, second, one, first):
                opposite.add((pair[1], pair[0]))
            if first.chosen and second.chosen and not _alike(one.run_ids(first.chosen), two.run_ids(second.chosen)):
                different.add(pair)
    return Found(sorted(opposite), sorted(different))


def settle(
    traces: Sequence[Trace], settings: TrainSettings, name: Callable[[int], str], tell: Callable[[str], None]
) -> frozenset[Named]:
    """Report the contradictions of `traces` as `settings.contradictions` says; returns the steers to leave out.

    `name` gives a trace its name in messages. Raises `InputErrors` with every opposite pair if they are to be errors.
    """
    found = find(traces)

    def called(steer: Named) -> str:
        return f"{name(steer.trace)}, steer {steer.steer}"

    if found.opposite and settings.contradictions == "error":
        end = "rejects after the same tokens; mend one of them, or set contradictions to warn or drop"
        raise InputErrors(
            [
                Problem(name(one.trace), f"steer {one.steer} chooses what {called(two)} {end}")
                for one, two in found.opposite
            ]
        )
    dropped: frozenset[Named] = frozenset()
    if found.opposite:
        end = "they pull against each other"
        if settings.contradictions == "drop":
            dropped = frozenset(steer for pair in found.opposite for steer in pair)
            end = f"their {len(dropped)} steers are left out"
        once = [(one, two) for one, two in found.opposite if one < two or (two, one) not in found.opposite]
        both = [f"{called(one)} chooses what {called(two)} rejects" for one, two in once]
        tell(f"contradictions: {counted(len(once), 'pair')} of steers after the same tokens, {end}: {listed(both)}")
    apart = {frozenset(pair) for pair in found.opposite}
    if mild := [pair for pair in found.different if frozenset(pair) not in apart]:
        both = [f"{called(one)} and {called(two)}" for one, two in mild]
        tell(f"{counted(len(mild), 'pair')} of steers correct the same place in different words: {listed(both)}")
    return dropped


def _forks(trace: Trace) -> Iterator[tuple[int, int]]:
    """The number of each steer that counts, and a digest of all tokens before its runs."""
    after: dict[int, list[int]] = {}  # span → digest after each of its tokens
    start = 0
    for token in trace.prompt:
        start = hash((start, token))
    for span in trace.spans:
        digest = start if span.parent is None else after[span.parent][span.fork - 1]
        after[span.id] = [digest := hash((digest, token)) for token in span.ids]
    for steer in trace.steers:
        if items.weight(trace, steer) > 0:
            run = steer.chosen or steer.rejected[0]
            at = trace.at(trace.end_of(run.span), run.start)
            yield steer.id, start if at.span is None else after[at.span][at.length - 1]


def _steer(traces: Sequence[Trace], name: Named) -> Steer:
    return traces[name.trace].steers[name.steer]


def _chose_rejected(one: Trace, first: Steer, two: Trace, second: Steer) -> bool:
    if first.chosen is None:
        return False
    chosen = one.run_ids(first.chosen)
    return any(_alike(chosen, two.run_ids(run)) for run in second.rejected)


def _alike(one: Sequence[int], two: Sequence[int]) -> bool:
    """Whether the shorter of them begins the longer."""
    shared = min(len(one), len(two))
    return list(one[:shared]) == list(two[:shared])
