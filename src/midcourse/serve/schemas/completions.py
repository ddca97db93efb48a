"""Texts to be gone on with: `/v1/completions`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from midcourse.serve.schemas.base import LIKELIEST, MOST, Asked, Text, only, words
from midcourse.serve.schemas.replies import Usage

Token = Annotated[int, Field(ge=0, lt=2**31)]
Ids = Annotated[list[Token], Field(min_length=1, max_length=1_000_000)]


class CompletionRequest(Asked):
    """Texts or ids, and how they are to be gone on with."""

    prompt: Annotated[
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MOST)]
        | Ids
        | Annotated[list[Ids], Field(min_length=1, max_length=MOST)],
        words(f"a text, a list of at most {MOST} texts, a list of token ids, or a list of such lists"),
    ]
    """What is gone on with. Special tokens in a text are parsed; ids are taken as they are."""
    logprobs: Annotated[int, Field(ge=0, le=LIKELIEST)] | None = None
    """Say the log-probability of each token, and of so many of the likeliest in its place."""
    add_special_tokens: bool | None = None
    """Begin texts with the token that begins every text of this model, if it has one; so by default. An extension."""

    best_of: Annotated[int, Field(ge=1, le=MOST)] | None = None
    echo: Annotated[bool, only(False)] | None = None
    suffix: Annotated[str, only("")] | None = None

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each of them."""
        given: Any = self.prompt
        return [given] if isinstance(given, str) or isinstance(given[0], int) else list(given)


class CompletionLogprobs(BaseModel):
    """Log-probabilities of an answer's tokens, four parallel lists."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]
    """Where each token begins in the text, in characters."""


class CompletionChoice(BaseModel):
    """How one text goes on."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: Literal["stop", "length"]
    token_ids: list[int] | None = None
    prompt_token_ids: list[int] | None = None


class Completion(BaseModel):
    """How texts go on: the answers to the first one, then those to the next."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage
    system_fingerprint: str
