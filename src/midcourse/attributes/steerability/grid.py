"""Which requests are made: sweeps of one attribute over its scale, with nothing or something else asked for beside.

Invariant: the request that asks for nothing is made once and is everybody's start.
"""

from __future__ import annotations

from dataclasses import dataclass

from midcourse.attributes.schema import Attribute, Schema, parse
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Sweep:
    """`attribute` is asked for at each of `levels`, `held` are asked for in all of them, at one strength of guidance.

    `beside` is which of `held` was put there to see whether it gets in the way; None for the attribute by itself.
    """

    attribute: str
    levels: tuple[float, ...]
    held: dict[str, float]
    guidance: float
    beside: str | None = None

    def requests(self, schema: Schema) -> list[dict[str, float]]:
        """What is asked for, parallel to `levels`."""
        return [schema.ordered({**self.held, self.attribute: level}) for level in self.levels]


def sweeps(schema: Schema, settings: SteerabilitySettings) -> list[Sweep]:
    """All sweeps, in the order of the schema. Raises `ConfigError` with every name and value that does not fit."""
    problems = [
        Problem(f"--{field}", f"unknown attribute {name!r}; there are {', '.join(schema.names)}")
        for field in ("attributes", "beside", "guided")
        for name in getattr(settings, field)
        if name not in schema
    ]
    held: dict[str, float] = {}
    try:
        held = schema.check(parse(settings.holding, "--holding"), "--holding")
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    names = [name for name in schema.names if name in settings.attributes or not settings.attributes]
    first, *more = dict.fromkeys(settings.guidance)
    found = []
    for name in names:
        levels = spread(schema[name], settings.levels)
        others = {other: value for other, value in held.items() if other != name}
        found.append(Sweep(name, levels, others, first))
        found += [
            Sweep(name, levels, schema.ordered({**others, other: end}), first, other)
            for other in schema.names
            if other in settings.beside and other != name
            for end in (schema[other].minimum, schema[other].maximum)
        ]
    found += [
        Sweep(name, spread(schema[name], settings.levels), {k: v for k, v in held.items() if k != name}, guidance)
        for guidance in more
        for name in names
        if name in settings.guided or not settings.guided
    ]
    return found


def spread(attribute: Attribute, count: int) -> tuple[float, ...]:
    """`count` values of the scale, evenly from end to end, on its steps; 0: all of them."""
    levels = attribute.levels
    if count == 0 or count >= len(levels):
        return levels
    if count == 1:
        return (attribute.maximum,)
    return tuple(levels[round(place * (len(levels) - 1) / (count - 1))] for place in range(count))
