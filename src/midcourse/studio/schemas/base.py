"""What all types of the API have in common: strict input, and the one shape of an error."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST = 1_000_000  # characters of any one text; a body as a whole is bounded by the server
Text = Annotated[str, Field(max_length=LONGEST)]
Short = Annotated[str, Field(max_length=200)]
Attribute = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(min_length=1, max_length=200)]
Depth = Annotated[int, Field(ge=0, le=10_000_000)]


class Given(BaseModel):
    """What the page sends. Unknown keys are errors, and nothing is converted."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Answer(BaseModel):
    """What the page gets."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ProblemView(Answer):
    """One of several things that are wrong: with a file, the 1-based line; with settings, the field."""

    message: str
    where: str | None = None
    line: int | None = None
    field: str | None = None


class ErrorView(Answer):
    """What was refused or failed."""

    code: str
    """What kind of thing: input, steer, stale, missing, busy, model, store, disk, forbidden, unauthorised, large, …"""
    message: str
    """What was found and what to do, for a person."""
    problems: list[ProblemView] = []


class ErrorBody(Answer):
    """The body of every response of 400 and above."""

    error: ErrorView
