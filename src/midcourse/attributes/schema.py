"""Attributes: what is graded, from where to where, and what both ends mean.

A schema is any set of named attributes, in YAML; `helpsteer`, `oasst` and `ultrafeedback` are ready-made. Values are
numbers on an attribute's own scale. A value that is not given is missing: it is in no mapping, and it is never zero.

Plain Python: predictor, trainer, engine and studio all read it from the checkpoint (`manifest.py`).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from midcourse.config import problems
from midcourse.errors import ConfigError, Problem, UserError

READY = ("helpsteer", "oasst", "ultrafeedback")

Values = Mapping[str, float]


class Attribute(BaseModel):
    """One graded property of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """Lower-case letters, digits and underscores; at most 40 of them."""
    minimum: float = 0
    """The lowest value."""
    maximum: float = 4
    """The highest value."""
    step: Annotated[float, Field(gt=0)] = 1
    """Values lie so far apart, from the lowest one on."""
    better: Literal["higher", "lower", "neither"] = "neither"
    """Which end is the better one; neither, where it is a matter of taste."""
    description: str = ""
    """What is graded, in a sentence."""
    low: str = ""
    """What the lowest value means, in a few words."""
    high: str = ""
    """What the highest value means, in a few words."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.minimum < self.maximum:
            raise ValueError(f"{self.name}: the minimum {self.minimum:g} is not below the maximum {self.maximum:g}")
        steps = (self.maximum - self.minimum) / self.step
        if steps > 1000 or abs(steps - round(steps)) > 1e-9:
            raise ValueError(
                f"{self.name}: steps of {self.step:g} do not lead from {self.minimum:g} to {self.maximum:g}"
            )
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """All values on the scale, lowest first."""
        count = round((self.maximum - self.minimum) / self.step)
        return tuple(map(self._level, range(count + 1)))

    def snap(self, value: float) -> float:
        """The nearest value on the scale, the higher one of two as near; what lies outside becomes the nearest end."""
        number = math.floor((value - self.minimum) / self.step + 0.5)
        return min(max(self._level(number), self.minimum), self.maximum)

    def _level(self, number: int) -> float:
        """As people write it: 0.6, where 3 × 0.2 is 0.6000000000000001."""
        return float(f"{self.minimum + number * self.step:.12g}")

    @property
    def best(self) -> float | None:
        """The value at the better end, if there is one."""
        return {"higher": self.maximum, "lower": self.minimum, "neither": None}[self.better]


class Schema(BaseModel):
    """Named attributes, in the order in which they are written everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1, max_length=40)]
    """What the schema is called."""
    attributes: Annotated[tuple[Attribute, ...], Field(min_length=1, max_length=50)]
    """The attributes, first to last."""

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"an attribute appears twice among {', '.join(self.names)}")
        return self

    @classmethod
    def load(cls, name: str) -> Schema:
        """A ready-made schema by its name, or one from a YAML file. Raises `ConfigError`, `UserError`."""
        if name in READY:
            text = (resources.files("midcourse.attributes") / "ready" / f"{name}.yaml").read_text(encoding="utf-8")
        else:
            path = Path(name).expanduser()
            if not path.is_file():
                raise UserError(f"there is no schema {name!r}: give {' or '.join(READY)}, or a YAML file")
            text = _text(path)
        try:
            return cls.model_validate(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise ConfigError([Problem(name, f"is not valid YAML: {error}")]) from None
        except ValidationError as error:
            raise ConfigError(problems(error, name)) from None

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes' names, in order."""
        return tuple(attribute.name for attribute in self.attributes)

    def __getitem__(self, name: str) -> Attribute:
        return next(attribute for attribute in self.attributes if attribute.name == name)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def ordered(self, values: Values) -> dict[str, float]:
        """`values` in the schema's order. All names must be known."""
        return {name: float(values[name]) for name in self.names if name in values}

    def wrong(self, values: Values) -> list[tuple[str, str]]:
        """What is wrong with `values`: (name, why) each; empty if they fit."""
        found = []
        for name, value in values.items():
            if name not in self:
                near = difflib.get_close_matches(name, self.names, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.names)}"
                found.append((name, f"unknown attribute {name!r}; {hint}"))
            elif not self[name].minimum <= value <= self[name].maximum:  # NaN too
                scale = self[name]
                found.append((name, f"{value:g} is not between {scale.minimum:g} and {scale.maximum:g}"))
        return found

    def check(self, values: Values, where: str = "--attribute") -> dict[str, float]:
        """`values` in order. Raises `ConfigError` with all unknown names and values outside their range."""
        if wrong := self.wrong(values):
            raise ConfigError([Problem(where, why, field=name) for name, why in wrong])
        return self.ordered(values)

    def snap(self, values: Values) -> dict[str, float]:
        """`values`, each moved to the nearest one on its scale."""
        return {name: self[name].snap(value) for name, value in self.ordered(values).items()}

    @property
    def best(self) -> dict[str, float]:
        """The better end of each attribute that has one."""
        return {one.name: one.best for one in self.attributes if one.best is not None}


def parse(settings: Sequence[str] | Iterable[str], where: str = "--attribute") -> dict[str, float]:
    """`["verbosity=1", "helpfulness=4"]` as values. Raises `ConfigError` with everything that does not parse."""
    values: dict[str, float] = {}
    wrong = []
    for setting in settings:
        name, equals, number = setting.partition("=")
        name = name.strip()
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not name or not math.isfinite(value):
            wrong.append(Problem(where, f"{setting!r} is not written as in verbosity=1"))
        elif name in values:
            wrong.append(Problem(where, "is given twice", field=name))
        else:
            values[name] = value
    if wrong:
        raise ConfigError(wrong)
    return values


def written(value: float) -> str:
    """A value as text: as short as it is exact, `4` and `2.5`."""
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), f"is not UTF-8: {error.reason} at byte {error.start}")]) from None
