"""What a run trains on: the traces' segments that its objective looks at, and those that it only watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from midcourse.errors import UserError
from midcourse.learn import expression, items
from midcourse.learn.items import Example, Side
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Trace


def find(
    traces: Sequence[Trace],
    settings: TrainSettings,
    unrelated: Sequence[Sequence[int]],
    tell: Callable[[str], None],
) -> list[Example]:
    """The examples of a run: what the objective needs of `traces`, and of `unrelated` token ids if it has an anchor.

    Traces without anything to train on are left out. Raises `UserError` when nothing is left.
    """
    sides = expression.sides(settings.terms)
    watched: frozenset[Side] = frozenset({"chosen", "rejected"}) if settings.watch else frozenset()
    trained = {example.number for example in items.examples(traces, sides)}
    found = [example for example in items.examples(traces, sides | watched) if example.number in trained]
    if "text" in sides:
        found += items.texts(unrelated, first=len(traces))
    if not found:
        raise UserError(f"nothing to train on: {settings.objective!r} finds nothing to look at in {len(traces)} traces")
    steers = [steer for trace in traces for steer in trace.steers if steer.weight * trace.weight > 0]
    if marks := sum(steer.chosen is None for steer in steers):
        tell(f"{marks} of {len(steers)} steers are marks; {settings.objective} ignores them")
    return found


def steers(examples: Sequence[Example]) -> int:
    """How many steers are supervised in `examples`."""
    return len({(e.number, s.steer) for e in examples for s in e.segments if s.steer is not None})
