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
        for field in ("attributes", "closely", "beside")
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
    close = [name for name in names if name in settings.closely or not settings.closely]
    first, *more = dict.fromkeys(settings.guidance)

    def sweep(name: str, guidance: float, other: str | None = None, value: float = 0.0) -> Sweep:
        levels = spread(schema[name], 0 if name in settings.closely else settings.levels)
        beside = {**held, **({} if other is None else {other: value})}
        return Sweep(name, levels, schema.ordered({k: v for k, v in beside.items() if k != name}), guidance, other)

    found = []
    for name in names:
        found.append(sweep(name, first))
        found += [
            sweep(name, first, other, end)
            for other in schema.names
            if other in settings.beside and other != name and name in close
            for end in (schema[other].minimum, schema[other].maximum)
        ]
    return found + [sweep(name, guidance) for guidance in more for name in close]


def spread(attribute: Attribute, count: int) -> tuple[float, ...]:
    """`count` values of the scale, two or more, evenly from end to end, on its steps; 0: all of them."""
    levels = attribute.levels
    if count == 0 or count >= len(levels):
        return levels
    return tuple(levels[round(place * (len(levels) - 1) / (count - 1))] for place in range(count))
