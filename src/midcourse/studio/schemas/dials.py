"""What can be asked of a model that has learned to be told attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from midcourse.attributes.conditioning import Way
from midcourse.studio.schemas.base import Answer, Given, Short

if TYPE_CHECKING:
    from midcourse.attributes.conditioning import Conditioning
    from midcourse.attributes.schema import Schema

STRONGEST = 20.0
Guidance = Annotated[float, Field(ge=0, le=STRONGEST, allow_inf_nan=False)]
Attributes = Annotated[dict[Short, float], Field(max_length=100)]


class DialView(Answer):
    """An attribute that can be asked for."""

    name: str
    minimum: float
    maximum: float
    step: float
    better: Literal["higher", "lower", "neither"]
    description: str
    low: str
    """What the lowest value means."""
    high: str


class DialsView(Answer):
    """All that can be asked for."""

    name: str
    """What the schema is called."""
    way: Way
    """How it is told them."""
    dials: list[DialView]

    @classmethod
    def of(cls, told: Conditioning | None) -> Self | None:
        """The dials of a model that is told attributes so; None if it is told none."""
        if told is None:
            return None
        return cls(name=told.attributes.name, way=told.way, dials=dials(told.attributes))


def dials(schema: Schema) -> list[DialView]:
    """A schema's attributes, in its order."""
    return [DialView(**attribute.model_dump()) for attribute in schema.attributes]


class Asked(Given):
    """What is asked for; an attribute that is not named may be as it likes."""

    attributes: Attributes = {}
    guidance: Guidance = 1.0
    """How far to go towards it: 1 is the model as it is, 0 as if nothing was asked for."""


class PredictorView(Answer):
    """The predictor that looks at answers."""

    name: str
    attributes: list[DialView]


class ProposalView(Answer):
    """A token at which the answer may go off track: an attribute gets worse there, or the model was not sure."""

    depth: int
    attribute: str | None
    """None: only the model was unsure."""
    drop: float
    """How much worse the attribute is from there on, in its own units."""


class Proposals(Answer):
    """Where to look in one version of an answer, first token first, and what the predictor gives the whole of it."""

    version: int
    proposals: list[ProposalView]
    values: dict[str, float]
