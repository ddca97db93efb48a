"""What is asked of an answer and how its tokens are drawn, as flags that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from midcourse.cli.topics import flags
from midcourse.engine.choice import Sampling


class ChoosingSettings(BaseModel):
    """What to ask for, and how to draw."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    attribute: Annotated[list[str], Parameter(consume_multiple=True, negative="", show_default=False)] = []
    """What to ask for, as in `verbosity=1 helpfulness=4`; what is not named is left open. For a model, or an adapter,
    that has learned to be told attributes."""
    guidance: float = 1.0
    """How far to go towards what is asked for: 1 is the model as it is, 2 twice as far from what it would write
    unasked. Anything but 1 takes twice the computing."""
    temperature: float = 0.0
    """0 always takes the likeliest token."""
    top_p: float = 1.0
    """Sample from the likeliest tokens that together have this probability."""
    top_k: int = 0
    """Sample from this many tokens; 0 from all."""
    min_p: float = 0.0
    """Sample from tokens with at least this share of the likeliest one's probability."""
    seed: int = 0
    """Seed of the sampling."""

    def sampling(self) -> Sampling:
        """How to draw. Raises `ConfigError` for what is out of range."""
        return Sampling(**self.model_dump(exclude={"attribute"}))


if TYPE_CHECKING:
    ChoosingFlags = ChoosingSettings
else:
    ChoosingFlags = flags(ChoosingSettings, {"attribute": "Attributes", "temperature": "Sampling"})
Choosing = Annotated[ChoosingFlags | None, Parameter(name="*")]
