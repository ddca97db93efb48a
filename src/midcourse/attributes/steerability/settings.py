"""Every setting of `attributes measure`. A field's docstring is its help text; unknown keys are errors.

Importing this brings no torch.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

TOPICS = {"attributes": "Requests", "max_prompt": "Answers", "perplexity": "Measured"}


class SteerabilitySettings(BaseModel):
    """What is asked for, of whom, and what is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    attributes: list[str] = Field(default=[])
    """Which attributes to move, each by itself; none named: all that the model can be asked for."""
    closely: list[str] = Field(default=[])
    """Which of them to look at closely: at every step, with all of --beside and --guidance; none named: all."""
    levels: int = Field(default=0, ge=0)
    """How many values of the others to ask for, or of all if none is looked at closely, evenly from the lowest to the
    highest: at least two, for a slope needs them; 0 asks for every step of the scale."""
    beside: list[str] = Field(default=[])
    """Move these at the same time, too: each attribute again with each of these at its lowest and at its highest."""
    holding: list[str] = Field(default=[])
    """Ask for these values in every request, as in helpfulness=4."""
    guidance: list[Annotated[float, Field(ge=0, le=20)]] = Field(default=[1.0], min_length=1)
    """Strengths of guidance to compare."""
    prompts: int = Field(default=32, ge=2)
    """How many prompts to answer, at most: one of each group, chosen by content."""

    max_prompt: int = Field(default=512, ge=16)
    """Tokens of a prompt; a longer one loses its middle."""
    max_tokens: int = Field(default=512, ge=1)
    """Tokens of an answer."""
    temperature: float = Field(default=0.0, ge=0)
    """0 always takes the likeliest token."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seeds which prompts are taken, and the sampling."""

    perplexity: int = Field(default=16, ge=0)
    """To how many of the prompts the answers are read by the model without its adapter, to see what they lose."""
    examples: int = Field(default=2, ge=0)
    """To how many of the prompts the report shows the answers."""

    @field_validator("levels")
    @classmethod
    def _several(cls, levels: int) -> int:
        if levels == 1:
            raise ValueError("a slope needs two values: give 2 or more, or 0 for every step of the scale")
        return levels

    @field_validator("attributes", "closely", "beside", "holding", "guidance", mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return value if isinstance(value, (list, tuple)) else [value]
