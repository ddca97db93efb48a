"""How files of rated conversations are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from midcourse.config import problems
from midcourse.errors import ConfigError

FormatName = Literal["auto", "plain", "helpsteer", "oasst", "nemo", "ultrafeedback"]
Predicted = Literal["fill", "ignore", "replace"]


class Reading(BaseModel):
    """See the module. Nothing in here concerns what a file says, only what is made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    format: FormatName = "auto"
    """What the files hold; auto looks at each file's first line."""
    predicted: Predicted = "fill"
    """What becomes of the values that a predictor has written into a row: they fill in what no person has rated, are
    ignored, or replace what people have said."""
    only: bool = False
    """Leave out attributes that the schema does not have, instead of refusing them."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Names of attributes in the file, and what the schema calls them."""
    scale: tuple[float, float] | None = None
    """The lowest and the highest value in the file, which become the ends of each attribute's scale. Otherwise 0 and 1
    for oasst, 1 and 5 for ultrafeedback, and the schema's own for the others."""
    rounded: bool = False
    """Move values to the nearest step of their scale."""
    language: Annotated[str, Field(pattern=r"^[A-Za-z_-]*$")] = ""
    """Of oasst, take only what is written in this language (en); nothing takes all."""

    unanswered: bool = False
    """Take conversations in which there is no answer yet."""

    @field_validator("scale")
    @classmethod
    def _ordered(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale and not scale[0] < scale[1]:
            raise ValueError(f"{scale[0]:g} is not below {scale[1]:g}")
        return scale

    @classmethod
    def of(cls, **flags: Any) -> Self:
        """What flags say. Raises `ConfigError` with all that is wrong."""
        try:
            return cls(**flags)
        except ValidationError as error:
            raise ConfigError(problems(error, "settings", cls, {name: f"--{name}" for name in flags})) from None
