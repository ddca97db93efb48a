"""How far an answer went where it was asked to go, and how far elsewhere: miscalibration and side effects, apart.

The attributes are the axes of a space in which every scale is 1 long. z₀ is where the answer to the same prompt lies
for which nothing is asked, g is what is asked for (on every other axis it stays at z₀), z is what came of it. With
d = g − z₀ and m = z − z₀:

    miscalibration = | |d| − m·d̂ | / |d|      too little or too much of what was asked; 0 is exact, 1 is no move at all
    side effects   = |m − (m·d̂) d̂| / |m|      the part of the move that nobody asked for; 0 is none, 1 is all of it
    error          = |g − z|, with g as above

after arXiv 2505.23816, where a text that is to be rewritten is the start; here it is the model's own neutral answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from midcourse.attributes.schema import Schema, Values

LEAST = 0.05  # a shorter way has no direction to speak of


class Move(NamedTuple):
    """What became of one request. None where the way asked for, or the move made, is too short to have a direction."""

    error: float
    miscalibration: float | None
    side_effects: float | None


def move(schema: Schema, start: Values, asked: Values, obtained: Values) -> Move:
    """The move from `start` to `obtained`, when `asked` was asked for; over the attributes that were judged."""
    names = [name for name in schema.names if name in start and name in obtained]
    length = {name: schema[name].maximum - schema[name].minimum for name in names}
    way = [(asked[name] - start[name]) / length[name] if name in asked else 0.0 for name in names]
    made = [(obtained[name] - start[name]) / length[name] for name in names]
    far, went = math.hypot(*way), math.hypot(*made)
    error = math.dist(way, made)
    if far < LEAST:
        return Move(error, None, None)
    along = sum(one * other for one, other in zip(way, made, strict=True)) / far
    beside = math.sqrt(max(0.0, went**2 - along**2))
    return Move(error, abs(far - along) / far, beside / went if went >= LEAST else None)


def tau(asked: Sequence[float], obtained: Sequence[float]) -> float | None:
    """Kendall's τ-b: 1 where more was obtained wherever more was asked for, −1 for the opposite; None without order."""
    agree = ties = pairs = 0
    for one in range(len(asked)):
        for other in range(one):
            want, got = asked[one] - asked[other], obtained[one] - obtained[other]
            if want == 0:
                continue
            pairs += 1
            ties += got == 0
            agree += 0 if got == 0 else 1 if (want > 0) == (got > 0) else -1
    norm = math.sqrt(pairs * (pairs - ties))
    return agree / norm if norm else (0.0 if pairs else None)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of the least squares line; 0 where x does not vary."""
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((one - mean_x) ** 2 for one in x)
    return math.fsum((one - mean_x) * (two - mean_y) for one, two in zip(x, y, strict=True)) / spread if spread else 0.0


def mean(values: Sequence[float]) -> tuple[float, float] | None:
    """The mean and its standard error (0 for a single value); None without values."""
    if not values:
        return None
    middle = math.fsum(values) / len(values)
    if len(values) < 2:
        return middle, 0.0
    variance = math.fsum((one - middle) ** 2 for one in values) / (len(values) - 1)
    return middle, math.sqrt(variance / len(values))


def repeated(ids: Sequence[int], size: int = 4) -> float:
    """The share of an answer's runs of `size` tokens that were there before in it."""
    runs = [tuple(ids[place : place + size]) for place in range(len(ids) - size + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def scaled(schema: Schema, values: Mapping[str, float]) -> dict[str, float]:
    """Differences in parts of each scale, turned so that more is better; attributes without a better end are absent."""
    found = {}
    for name, value in values.items():
        one = schema[name]
        if one.better != "neither":
            found[name] = value / (one.maximum - one.minimum) * (1 if one.better == "higher" else -1)
    return found
