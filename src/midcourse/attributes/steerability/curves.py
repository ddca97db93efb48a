"""What came of a sweep: from judged answers to the numbers of a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from midcourse.attributes.schema import Schema
from midcourse.attributes.steerability import geometry
from midcourse.attributes.steerability.answers import Judged
from midcourse.attributes.steerability.grid import Sweep
from midcourse.attributes.steerability.result import Curve, Level, Mean, Shown
from midcourse.errors import UserError
from midcourse.trace.tree import Message


def curve(schema: Schema, sweep: Sweep, neutral: Sequence[Judged], answers: Sequence[Sequence[Judged]]) -> Curve:
    """What came of a sweep: `answers` are parallel to its levels, each parallel to the prompts as `neutral` is."""
    name, levels = sweep.attribute, sweep.levels
    scale = schema[name].maximum - schema[name].minimum
    taus, slopes, moves = [], [], []
    effects: dict[str, list[float]] = {}
    for place, start in enumerate(neutral):
        mine = [got[place] for got in answers]
        for other in schema.names:
            there = [(asked, one.values[other]) for asked, one in zip(levels, mine, strict=True) if other in one.values]
            if len(there) < 2:
                continue  # the judge has left it out
            asked_L, got_L = zip(*there, strict=True)
            slope, length = geometry.slope(asked_L, got_L), schema[other].maximum - schema[other].minimum
            effects.setdefault(other, []).append(slope * scale / length)
            if other == name:
                taus.append(geometry.tau(asked_L, got_L))
                slopes.append(slope)
        moves += [
            geometry.move(schema, start.values, {**sweep.held, name: asked}, one.values)
            for asked, one in zip(levels, mine, strict=True)
        ]
    found = [level(schema, name, asked, got, neutral) for asked, got in zip(levels, answers, strict=True)]
    if not slopes or any(name not in one.obtained for one in found):
        raise UserError(f"the judge has left out {name} in all answers to a request: nothing can be said of that dial")
    obtained = [one.obtained[name].value for one in found]
    tokens = [one.tokens.value for one in found]
    return Curve(
        attribute=name,
        held=sweep.held,
        beside=sweep.beside,
        guidance=sweep.guidance,
        levels=found,
        monotone=_mean([tau for tau in taus if tau is not None]),
        ordered=all(low < high for low, high in pairwise(obtained)),
        slope=_sure(slopes),
        reach=obtained[-1] - obtained[0],
        effects={other: _sure(values) for other, values in effects.items()},
        miscalibration=_mean([one.miscalibration for one in moves if one.miscalibration is not None]),
        side_effects=_mean([one.side_effects for one in moves if one.side_effects is not None]),
        error=_sure([one.error for one in moves]),
        longer=tokens[-1] / tokens[0] if tokens[0] else None,
        lengthens=all(low < high for low, high in pairwise(tokens)),
    )


def level(
    schema: Schema, name: str | None, asked: float | None, got: Sequence[Judged], neutral: Sequence[Judged]
) -> Level:
    """One request's answers to all prompts. Quality leaves out `name`, which was asked to change."""
    quality = []
    for one, start in zip(got, neutral, strict=True):
        change = {
            other: one.values[other] - start.values[other]
            for other in one.values
            if other in start.values and other != name
        }
        if better := geometry.scaled(schema, change):
            quality.append(math.fsum(better.values()) / len(better))
    values = {other: [one.values[other] for one in got if other in one.values] for other in schema.names}
    return Level(
        asked=asked,
        obtained={other: _sure(some) for other, some in values.items() if some},
        tokens=_sure([float(len(one.sample.ids)) for one in got]),
        tokens_median=float(median(len(one.sample.ids) for one in got)),
        unended=sum(not one.sample.ended for one in got) / len(got),
        repeated=math.fsum(geometry.repeated(one.sample.ids) for one in got) / len(got),
        quality=_mean(quality) if got is not neutral else None,
        nats=_mean([one.nats for one in got if one.nats is not None]),
    )


def _mean(values: Sequence[float]) -> Mean | None:
    found = geometry.mean(values)
    return None if found is None else Mean(value=found[0], error=found[1], count=len(values))


def _sure(values: Sequence[float]) -> Mean:
    found = _mean(values)
    assert found is not None
    return found


def examples(
    plan: Sequence[Sweep],
    prompts: Sequence[Sequence[Message]],
    neutral: Sequence[Judged],
    answers: Sequence[Sequence[Sequence[Judged]]],
    count: int,
) -> list[Shown]:
    """The answers to the shortest prompts, in each sweep of an attribute by itself."""
    chosen = sorted(range(len(prompts)), key=lambda place: sum(len(one["content"]) for one in prompts[place]))[:count]
    found = []
    for sweep, levels in zip(plan, answers, strict=True):
        if sweep.beside is not None:
            continue
        for place in chosen:
            lines: list[tuple[float | None, Judged]] = [(None, neutral[place])]
            lines += [(level, got[place]) for level, got in zip(sweep.levels, levels, strict=True)]
            found.append(
                Shown(
                    prompt=prompts[place][-1]["content"],
                    attribute=sweep.attribute,
                    guidance=sweep.guidance,
                    answers=[
                        (level, one.values.get(sweep.attribute), len(one.sample.ids), one.sample.text)
                        for level, one in lines
                    ],
                )
            )
    return found
