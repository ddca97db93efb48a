"""What a run trains on: the traces' segments that its objective looks at, and those that it only watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from midcourse.errors import UserError
from midcourse.learn import changes, expression, items, long, split
from midcourse.learn.expression import Term
from midcourse.learn.guards import contradictions, similar
from midcourse.learn.items import Example, Side
from midcourse.learn.objectives import OBJECTIVES
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Trace
from midcourse.words import counted

BOTH: frozenset[Side] = frozenset({"chosen", "rejected"})
WORDS: dict[Side, str] = {
    "chosen": "corrections",
    "rejected": "rejected runs",
    "marked": "marks",
    "accepted": "accepted tokens",
    "text": "other texts",
    "sample": "samples",
}


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
    idle = _idle(settings, found)
    if len(idle) == len(settings.terms):
        looks = "; ".join(f"{name} looks at {missing}" for name, missing in idle.items())
        raise UserError(
            f"nothing to train on: {looks}; there is nothing like that, with a weight above 0 and not set aside, in "
            f"{counted(len(traces), 'trace')}"
        )
    for name, missing in idle.items():
        tell(f"{name} has nothing to look at: there are no {missing}")
    steers = [steer for trace in traces for steer in trace.steers if items.weight(trace, steer) > 0]
    marks = sum(steer.chosen is None for steer in steers)
    if marks and "marked" not in sides:
        what = f"{counted(marks, 'steer is a mark', 'steers are marks')} (of {len(steers):,})"
        tell(f"{what}; {settings.objective} ignores marks (unlikelihood would not)")
    insertions = sum(steer.chosen is not None and not steer.rejected for steer in steers)
    if insertions and "chosen" in sides and all(_compares(term) for term in settings.terms if _looks(term, "chosen")):
        what = f"{counted(insertions, 'steer is an insertion', 'steers are insertions')} (of {len(steers):,})"
        tell(f"{what}, with nothing rejected; {settings.objective} ignores insertions (sft would not)")
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


def _looks(term: Term, side: Side) -> bool:
    return side in OBJECTIVES[term.name].sides


def _compares(term: Term) -> bool:
    """Whether it compares corrections with what was rejected, and has no use for one without the other."""
    return _looks(term, "chosen") and _looks(term, "rejected")


def _idle(settings: TrainSettings, examples: Sequence[Example]) -> dict[str, str]:
    """The objectives of the sum that find nothing in `examples`, and what they look for."""
    there = {segment.side for example in examples for segment in example.segments}
    found = {}
    for term in settings.terms:
        sides = OBJECTIVES[term.name].sides
        if _compares(term):
            if "rejected" not in there:
                found[term.name] = "corrections of something rejected"
        elif not sides & there:
            found[term.name] = " or ".join(WORDS[side] for side in WORDS if side in sides)
    return found


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
        raise UserError(f"there is nothing to look at in the {counted(len(held), 'trace')} held out")
    if same := split.shared(traces, held):
        what = counted(same, "held-out trace answers", "held-out traces answer")
        tell(f"{what} a conversation that is trained on, which tells little")
    if not found and (unused := [name for name in ("eval_every", "patience") if getattr(settings, name)]):
        tell(f"{' and '.join(unused)}: set and ignored, for nothing is held out (--held-out, --hold-out)")
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
