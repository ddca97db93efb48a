"""Conversations to be answered: `/v1/chat/completions`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from midcourse.serve.schemas.base import LIKELIEST, Asked, Given, Nothing, Text, only, words
from midcourse.serve.schemas.replies import Usage


class Part(Given):
    """A part of a message."""

    type: Literal["text"]
    text: Text


class Message(Given):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[
        Text | Annotated[list[Part], Field(max_length=1000)] | None,
        words('a text, or a list of parts {"type": "text", "text": …}'),
    ] = None
    name: Annotated[str, Field(max_length=200)] | None = None
    tool_call_id: Annotated[str, Field(max_length=200)] | None = None
    tool_calls: Annotated[list[Any], only([])] | None = None
    refusal: Nothing = None
    audio: Nothing = None
    function_call: Nothing = None
    annotations: Any = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        """Only an answer may be without a text, as OpenAI's API has it."""
        if self.content is None and self.role != "assistant":
            raise ValueError("content is missing: give a text")
        return self

    @property
    def text(self) -> str:
        """What it says."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())


class ChatRequest(Asked):
    """A conversation, and how it is to be answered."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=10_000)]
    """The conversation so far."""
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most tokens of an answer; `max_tokens` by its newer name."""
    logprobs: bool | None = None
    """Say the log-probability of each token: the model's own, before temperature and filters."""
    top_logprobs: Annotated[int, Field(ge=0, le=LIKELIEST)] | None = None
    """Say so many of the likeliest tokens at each place as well."""
    continue_final_message: bool | None = None
    """Go on with the last message, which is the assistant's, instead of beginning a new one. An extension."""
    add_generation_prompt: bool | None = None
    """Whether the chat template begins the assistant's turn; it does by default. An extension."""

    tools: Annotated[list[Any], only([])] | None = None
    tool_choice: Annotated[Any, only("none", "auto", None)] = None
    functions: Annotated[list[Any], only([])] | None = None
    function_call: Annotated[Any, only("none", "auto", None)] = None
    parallel_tool_calls: bool | None = None
    response_format: Annotated[dict[str, Any], only({"type": "text"})] | None = None
    modalities: Annotated[list[str], only(["text"])] | None = None
    audio: Nothing = None
    prediction: Nothing = None
    web_search_options: Nothing = None
    reasoning_effort: Nothing = None


class TokenView(BaseModel):
    """A token that could stand there."""

    token: str
    logprob: float
    bytes: list[int] | None
    """Its exact bytes: a character may be split over tokens. None for a token without text."""


class ChosenView(TokenView):
    """A token of the answer, and the likeliest ones in its place."""

    top_logprobs: list[TokenView]


class ChatLogprobs(BaseModel):
    """Log-probabilities of an answer's tokens."""

    content: list[ChosenView]
    refusal: None = None


class Answer(BaseModel):
    """What the model says."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """One answer."""

    index: int
    message: Answer
    logprobs: ChatLogprobs | None
    finish_reason: Literal["stop", "length"]
    token_ids: list[int] | None = None


class ChatCompletion(BaseModel):
    """The answers to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    system_fingerprint: str
    prompt_token_ids: list[int] | None = None
