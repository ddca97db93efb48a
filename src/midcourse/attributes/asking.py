"""What somebody asks a model for: checked before anything is computed.

A model without dials refuses to be asked for anything; one with dials refuses names and values that it has not. A
trace that comes from a file is another matter: there attributes may only describe the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.schema import Values, parse, written
from midcourse.errors import ModelError, UserError

FLAG = "--attribute"


def asked(settings: Sequence[str] | None, told: Conditioning | None, model: str, where: str = FLAG) -> dict[str, float]:
    """`["verbosity=1", "helpfulness=4"]` as values that the model called `model` can be asked for, in order.

    Raises `UserError` if it cannot be asked for anything (`told` is None), `ConfigError` with everything that does not
    parse, or else with every unknown name and every value outside its range.
    """
    values = parse(settings or (), where)
    if values and told is None:
        raise UserError(
            f"{model} cannot be asked for {', '.join(values)}: it has not learned to be told attributes; give "
            "--adapter one that has (there is an attributes.json in it), or train one with `midcourse attributes train`"
        )
    return {} if told is None else told.attributes.check(values, where)


def learned(told: Conditioning | None, model: str) -> Conditioning:
    """How the model called `model` is told attributes. Raises `ModelError` if it has not learned to be."""
    if told is None:
        raise ModelError(
            f"{model} has not learned to be told attributes: give --adapter one that has, or train one with "
            "`midcourse attributes train`"
        )
    return told


def changed(before: Values, settings: Sequence[str], told: Conditioning, where: str = FLAG) -> dict[str, float]:
    """`before` with what `settings` say anew; `verbosity=` leaves it open again. Raises `ConfigError`."""
    opened = {setting[:-1].strip() for setting in settings if setting.endswith("=")}
    given = parse([setting for setting in settings if not setting.endswith("=")], where)
    schema = told.attributes
    schema.check(given | {name: schema[name].minimum if name in schema else 0.0 for name in opened}, where)
    return schema.ordered({name: value for name, value in {**before, **given}.items() if name not in opened})


def guided(guidance: float, values: Values) -> float:
    """The strength of guidance, where something is asked for. Raises `UserError` where it would lead nowhere."""
    if guidance != 1 and not values:
        raise UserError(
            f"--guidance {guidance:g} leads away from an answer for which nothing is asked: ask for something with "
            f"{FLAG}, or leave it out"
        )
    return guidance


def dials(told: Conditioning) -> str:
    """What can be asked for, as lines for a person."""
    wide = max(map(len, told.attributes.names))
    lines = []
    for one in told.attributes.attributes:
        scale = f"{written(one.minimum)}–{written(one.maximum)}"
        ends = f"{one.low} … {one.high}" if one.low or one.high else one.description
        lines.append(f"  {one.name:<{wide}}  {scale:<5} {ends}".rstrip())
    return "\n".join(lines)


def spoken(values: Values) -> str:
    """Values as they are typed: `helpfulness=4 verbosity=1`."""
    return " ".join(f"{name}={written(value)}" for name, value in values.items())
