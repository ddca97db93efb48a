"""A measurement of steerability: all its numbers, as steerability.json holds them.

Plain values only, so that the report can be drawn from the file alone. Means are over prompts and have their standard
errors (`Mean`), in each attribute's own units where nothing else is said. None means "not measured", never zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from midcourse.atomic import writing
from midcourse.attributes.schema import Schema

FILE = "steerability.json"


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Mean(_Value):
    """A mean over prompts with its standard error, and of how many it is."""

    value: float
    error: float
    count: int


class Level(_Value):
    """The answers to all prompts at one request. `asked` is the value of the attribute that is swept."""

    asked: float | None  # None: nothing is asked for
    obtained: dict[str, Mean]  # what the judge says, of each attribute
    tokens: Mean
    tokens_median: float
    unended: float  # share of answers that were cut at the longest length
    repeated: float  # share of their runs of four tokens that were there before
    quality: Mean | None = None  # against asking for nothing, in parts of the scales: attributes with a better end
    nats: Mean | None = None  # per token, by the model without its adapter, which is asked for nothing


class Curve(_Value):
    """One attribute asked for at all levels."""

    attribute: str
    held: dict[str, float]
    beside: str | None
    guidance: float
    levels: list[Level]
    monotone: Mean | None  # Kendall's τ of obtained with asked for, prompt by prompt
    ordered: bool  # whether the means of what was obtained rise from level to level
    slope: Mean  # obtained for each unit that is asked for; 1 is exact
    reach: float  # mean obtained at the highest level less that at the lowest
    effects: dict[str, Mean]  # change of every attribute over the whole sweep, in parts of its scale
    miscalibration: Mean | None
    side_effects: Mean | None
    error: Mean  # distance between asked for and obtained, in scales
    longer: float | None  # mean tokens at the highest level over those at the lowest
    lengthens: bool  # whether mean tokens rise from level to level


class Shown(_Value):
    """The answers to one prompt in one sweep, for the report: (asked, judged value of the attribute, tokens, text)."""

    prompt: str
    attribute: str
    guidance: float
    answers: list[tuple[float | None, float | None, int, str]]


class Steerability(_Value):
    """See the module."""

    format: Literal[1] = 1
    created: str
    model: str
    adapter: str | None
    judge: str  # the predictor that judged
    judges: list[str]  # those whose labels the model was trained on
    same_judge: bool  # whether the one is among the others
    deviation: dict[str, float]  # of the judge's noise, where it knows that
    attributes: Schema
    prompts: int
    shortened: int  # prompts that lost their middle
    neutral: Level
    curves: list[Curve]
    examples: list[Shown] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)

    def alone(self, guidance: float | None = None) -> list[Curve]:
        """The curves of attributes moved by themselves, at one strength of guidance (the first by default)."""
        first = self.curves[0].guidance if guidance is None else guidance
        return [curve for curve in self.curves if curve.beside is None and curve.guidance == first]

    def like(self, curve: Curve) -> list[Curve]:
        """The curves of the same attribute with the same things asked for beside, at every strength of guidance."""
        return [
            one
            for one in self.curves
            if (one.attribute, one.held, one.beside) == (curve.attribute, curve.held, curve.beside)
        ]

    def beside(self, attribute: str) -> list[Curve]:
        """The curves of `attribute` with another one moved at the same time."""
        return [one for one in self.curves if one.attribute == attribute and one.beside is not None]

    def write(self, path: Path) -> None:
        """Write it to `path`."""
        with writing(path) as file:
            file.write(self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Steerability:
        """A measurement from its file."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
