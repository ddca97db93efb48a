"""Which of the answers that were drawn are trained on, and how much each counts.

An answer's score is how near its predicted values come to the goal: 1 − |v − g| / (maximum − minimum), the mean over
the attributes that have one; 1 is there, 0 is the other end. Values beyond an end are that end.

Left out in any case: answers that had not ended when they were cut (nobody knows where they should end, and an end that
is not theirs must not be learnt), empty ones, those that the predictor could not rate, and all but the first of the
same words to the same prompt.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from statistics import fmean

from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
from midcourse.attributes.drawing import Request, Sample
from midcourse.attributes.predictors.predictor import Prediction
from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Schema, Values


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer that was drawn, what was asked of it, what the predictor makes of it, and how near the goal that is."""

    request: Request
    sample: Sample
    prediction: Prediction
    score: float | None


@dataclass(slots=True)
class Left:
    """What was left out."""

    unended: int = 0
    empty: int = 0
    repeated: int = 0
    unrated: int = 0


def score(values: Values, goal: Values, schema: Schema) -> float | None:
    """How near `values` come to `goal`, 0 to 1; see the module. None where one that has a goal is missing."""
    if any(name not in values for name in goal):
        return None
    return fmean(
        1 - abs(_within(values[name], schema, name) - wanted) / (schema[name].maximum - schema[name].minimum)
        for name, wanted in goal.items()
    )


def _within(value: float, schema: Schema, name: str) -> float:
    return min(max(value, schema[name].minimum), schema[name].maximum)


def choose(rated: Sequence[Rated], recipe: BootstrapRecipe) -> tuple[list[tuple[Rated, float]], Left]:
    """Those that are trained on, in their order, with their weights; `recipe.samples` in a row are of one prompt."""
    left, found = Left(), list[tuple[Rated, float]]()
    for first in range(0, len(rated), recipe.samples):
        some: dict[str, Rated] = {}
        for one in rated[first : first + recipe.samples]:
            words = one.sample.text.strip()
            left.unended += not one.sample.ended
            left.empty += one.sample.ended and not words
            if not one.sample.ended or not words:
                continue
            left.unrated += one.score is None
            left.repeated += one.score is not None and words in some
            if one.score is not None:
                some.setdefault(words, one)
        found += zip(some.values(), _weights(list(some.values()), recipe), strict=True)
    return [(one, weight) for one, weight in found if weight > 0], left


def _weights(some: Sequence[Rated], recipe: BootstrapRecipe) -> list[float]:
    """Of the answers to one prompt. With `weighted` they are 1 in the mean."""
    if recipe.keep == "all":
        return [1.0] * len(some)
    scores = [one.score or 0.0 for one in some]
    if recipe.keep == "best":
        order = sorted(range(len(some)), key=lambda place: (-scores[place], place))
        best = set(order[: recipe.kept])
        return [float(place in best) for place in range(len(some))]
    powers = [math.exp((score - max(scores)) / recipe.spread) for score in scores]
    return [len(powers) * power / math.fsum(powers) for power in powers]


def rows(
    chosen: Sequence[tuple[Rated, float]], schema: Schema, by: str, number: int, given: Iterable[Row] = ()
) -> list[Row]:
    """`chosen` of the round `number` as rows to train on: each with the values that it has, not those asked for.

    Their ids are not those of the rows `given`, which may be what an earlier bootstrap has drawn.
    """
    found, taken = [], {row.id for row in given}
    for one, weight in chosen:
        turns = tuple(Turn(str(message["role"]), str(message["content"])) for message in one.request.messages)
        answer = Turn("assistant", one.sample.text, _ratings(one.prediction, schema, by))
        name = f"round-{number}-{one.sample.request}-{one.sample.number}"
        found.append(Row((*turns, answer), _free(name, taken), group_of(turns), weight=weight))
    return found


def _free(name: str, taken: Collection[str]) -> str:
    """`name`, or `name.2` and so on where that is taken."""
    names = chain([name], (f"{name}.{more}" for more in count(2)))
    return next(one for one in names if one not in taken)


def _ratings(prediction: Prediction, schema: Schema, by: str) -> Mapping[str, Rating]:
    return {
        name: Rating(_within(prediction.values[name], schema, name), by, prediction.deviation.get(name))
        for name in schema.names
        if name in prediction.values
    }


def replayed(given: Sequence[Row], weight: float) -> list[Row]:
    """The rows that were given, among those that were drawn."""
    return [replace(row, weight=row.weight * weight) for row in given] if weight else []
