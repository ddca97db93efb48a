"""What a run trains on: the traces' segments that its objective looks at, and those that it only watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from midcourse.errors import UserError
from midcourse.learn import changes, expression, items, long, split
from midcourse.learn.guards import contradictions, similar
from midcourse.learn.items import Example, Side
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Trace

BOTH: frozenset[Side] = frozenset({"chosen", "rejected"})


def find(
    traces: Sequence[Trace],
    settings: TrainSettings,
    unrelated: Sequence[Sequence[int]],
    tell: Callable[[str], None],
    places: Sequence[str] = (),
) -> list[Example]:
    """The examples of a run: what the objective needs of `traces`, and of `unrelated` token ids if it has an anchor.

    Traces without anything to train on are left out. `places` says where each trace was read. What is suspicious in
    the steers is told before anything is computed. Raises `UserError` when nothing is left, `InputErrors` where
    contradictions are to be errors.
    """
    dropped = contradictions.settle(
        traces, settings, lambda number: items.name(number, traces[number], places[number] if places else ""), tell
    )
    sides = expression.sides(settings.terms)
    watched = BOTH if settings.watch else frozenset()
    trained = {example.number for example in _examples(traces, sides, places, dropped)}
    found = [example for example in _examples(traces, sides | watched, places, dropped) if example.number in trained]
    if "text" in sides:
        found += items.texts(unrelated, first=len(traces))
    if not found:
        raise UserError(f"nothing to train on: {settings.objective!r} finds nothing to look at in {len(traces)} traces")
    steers = [steer for trace in traces for steer in trace.steers if steer.weight * trace.weight > 0]
    marks = sum(steer.chosen is None for steer in steers)
    if marks and "marked" not in sides:
        tell(f"{marks} of {len(steers)} steers are marks; {settings.objective} ignores them (unlikelihood would not)")
    for note in settings.ignored:
        tell(note)
    if "rejected" in sides:
        weighed = settings.sft_gamma != 1 or any(term.name == "ddpo" for term in settings.terms)
        if settings.trim != "none" and not weighed:  # otherwise what both sides share counts, but less
            found, cut = similar.trimmed(found, both=settings.trim == "both")
            if cut:
                tell(f"runs cut before an end that both sides share: {cut}")
        if near := similar.near(found):
            tell(similar.notice(near, len(steers)))
    return _as_set(found, settings)


def divided(
    traces: Sequence[Trace],
    places: Sequence[str],
    given: Sequence[Trace],
    settings: TrainSettings,
    context_length: int,
    tell: Callable[[str], None],
) -> tuple[Sequence[Trace], Sequence[str], list[Example]]:
    """The traces to train on with their places, and what is held out: `given`, and a share of `traces` if that is set.

    Raises `UserError` where there is nothing to look at in what is held out.
    """
    held = list(given)
    if settings.hold_out:
        kept, out = split.split(traces, settings.hold_out)
        held += [traces[number] for number in out]
        places = [places[number] for number in kept] if places else places
        traces = [traces[number] for number in kept]
    found, cuts = long.shorten(held_out(held, settings), settings.max_tokens, context_length, settings.long)
    if cuts:
        tell(f"held out: {long.notice(cuts)}")
    if held and not found:
        raise UserError(f"there are no steers in the {len(held)} traces that are held out")
    if same := split.shared(traces, held):
        tell(f"{same} of {len(held)} held-out traces answer a conversation that is trained on: they tell little")
    if not found and (settings.eval_every or settings.patience):
        tell("eval_every and patience are set and ignored: nothing is held out (--held-out, --hold-out)")
    return traces, places, found


def held_out(traces: Sequence[Trace], settings: TrainSettings) -> list[Example]:
    """What of held-out `traces` is looked at: what the objective needs, and both sides of every steer."""
    sides = expression.sides(settings.terms).difference({"text"}).union(BOTH)
    return _as_set(items.examples(traces, sides), settings)


def _as_set(found: list[Example], settings: TrainSettings) -> list[Example]:
    """What `settings` say about tokens: which count more, and how far what was rejected is looked at."""
    gammas = {"sft": settings.sft_gamma, "ddpo": settings.ddpo_gamma}
    if any(gammas.get(term.name, 1) != 1 for term in settings.terms):
        found = changes.noted(found)
    return items.within(found, settings.horizon) if settings.horizon else found


def _examples(
    traces: Sequence[Trace], sides: frozenset[Side], places: Sequence[str], dropped: frozenset[contradictions.Named]
) -> list[Example]:
    """`items.examples` without the steers in `dropped`."""
    found = []
    for example in items.examples(traces, sides, places):
        kept = tuple(s for s in example.segments if (example.number, s.steer) not in dropped)
        if kept:
            found.append(replace(example, segments=kept))
    return found


def steers(examples: Sequence[Example]) -> int:
    """How many steers are supervised in `examples`."""
    return len({(e.number, s.steer) for e in examples for s in e.segments if s.steer is not None})
