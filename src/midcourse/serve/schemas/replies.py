"""What all answers have in common, the list of models, and errors."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from midcourse.attributes.schema import Attribute


class Cached(BaseModel):
    """What of a prompt was known already."""

    cached_tokens: int


class Usage(BaseModel):
    """How many tokens a request took; the answer's last one, which ends it, is counted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: Cached


class ModelView(BaseModel):
    """A model that can be asked for."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["midcourse"] = "midcourse"
    parent: str | None
    """Of an adapter: the model that it belongs to."""
    max_model_len: int
    """How many tokens it sees, prompt and answer together."""
    attributes: list[Attribute]
    """What can be asked of its answers."""


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelView]


class ErrorView(BaseModel):
    """What was refused or failed."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every response of 400 and above."""

    error: ErrorView
