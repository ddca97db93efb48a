"""log P(a|x, y): how likely an answer is to be rated as was asked, by a predictor that can be wrong.

The noise model: what a person would have given is the predictor's value plus a normal error, whose standard deviation
the predictor knows for each attribute (`fit` measures it on held-out rows), and then rounded to the attribute's steps.
So a level has the probability of everything that is rounded to it; the two ends have all that lies beyond, too. Errors
of different attributes are taken to be independent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from midcourse.attributes.predictors.predictor import Prediction
from midcourse.attributes.schema import Schema, Values
from midcourse.errors import UserError


def check(names: Iterable[str], known: Mapping[str, float]) -> None:
    """Raises `UserError` where the noise on one of `names` is not known."""
    if vague := [name for name in names if not known.get(name, 0) > 0]:
        raise UserError(
            f"the predictor does not say how noisy its values of {', '.join(vague)} are; `attributes fit` with "
            "held-out rows measures it"
        )


def log_likelihood(asked: Values, rated: Prediction, schema: Schema) -> float:
    """log P(a|x, y) in nats for what was `asked`, each value taken as the nearest on its scale.

    An attribute that was not asked for says nothing. Raises `UserError` where one that was asked for has no prediction,
    or its noise is not known.
    """
    if unknown := [name for name in asked if name not in rated.values]:
        raise UserError(f"the predictor does not rate {', '.join(unknown)}, and that was asked for")
    check(asked, rated.deviation)
    return sum(
        log_level(schema.snap({name: value})[name], rated.values[name], rated.deviation[name], schema, name)
        for name, value in schema.ordered(asked).items()
    )


def log_level(level: float, mean: float, deviation: float, schema: Schema, name: str) -> float:
    """log of the probability that N(mean, deviation²), rounded to the scale of `name`, is `level`.

    Φ(u) − Φ(l) with u and l half a step above and below; by symmetry always taken in the lower tail, where its
    logarithm is exact: log Φ(u) + log(1 − e^(log Φ(l) − log Φ(u))).
    """
    scale = schema[name]
    low = -torch.inf if level <= scale.minimum else (level - scale.step / 2 - mean) / deviation
    high = torch.inf if level >= scale.maximum else (level + scale.step / 2 - mean) / deviation
    if low > 0:
        low, high = -high, -low
    below, above = torch.special.log_ndtr(torch.tensor([low, high], dtype=torch.float64))
    return float(above + torch.log(-torch.expm1(below - above)))
