"""A file of prompts to be answered, each with what is asked of its answer.

JSONL: a line has `prompt`, or `messages` whose last one is not the assistant's, and if it likes an `id` and
`attributes`, which win over those that are asked of all. Any other file: a prompt a line. All problems are told
together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.drawing import Request
from midcourse.attributes.schema import Values
from midcourse.config import problems
from midcourse.errors import InputErrors, Problem
from midcourse.trace.tree import Message


class Prompt(NamedTuple):
    """A request and its name in the file, if it has one."""

    request: Request
    id: str | None = None


class _Turn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Annotated[str, Field(min_length=1)]
    content: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    id: str | None = None
    prompt: str | None = None
    messages: Annotated[list[_Turn] | None, Field(min_length=1)] = None
    attributes: dict[str, float] = {}

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("a line has either a prompt or messages")
        if self.messages is not None and self.messages[-1].role in ("system", "assistant"):
            raise ValueError("there is nothing to answer: the last message of a conversation comes from the user")
        return self

    @property
    def said(self) -> list[Message]:
        if self.messages is None:
            return [{"role": "user", "content": self.prompt}]
        return [turn.model_dump() for turn in self.messages]


def read(path: Path, told: Conditioning | None, values: Values) -> list[Prompt]:
    """The prompts of a file; `values` are asked of all, `told` says what can be asked for.

    Raises `InputErrors` with every problem, `OSError`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputErrors([Problem(str(path), f"is not UTF-8: {error.reason} at byte {error.start}")]) from None
    lines = text.split("\n")  # other line breaks may stand within a prompt
    if path.suffix not in (".jsonl", ".json"):
        return [Prompt(asking(line, values)) for line in lines if line.strip()]
    found: list[Prompt] = []
    wrong: list[Problem] = []
    for number, text in enumerate(lines, 1):
        if text.strip():
            prompt, why = _line(text, told, values)
            found += [] if prompt is None else [prompt]
            wrong += [replace(one, where=str(path), line=number) for one in why]
    if wrong:
        raise InputErrors(wrong)
    return found


def asking(prompt: str, values: Values) -> Request:
    """A person's words, and what is asked of the answer."""
    return Request([{"role": "user", "content": prompt}], values)


def with_system(prompts: Iterable[Prompt], system: str) -> Iterator[Prompt]:
    """The same, each with a system prompt before it; one that is there already stays."""
    for prompt in prompts:
        messages = prompt.request.messages
        if messages[0]["role"] != "system":
            messages = [{"role": "system", "content": system}, *messages]
        yield prompt._replace(request=replace(prompt.request, messages=messages))


def _line(text: str, told: Conditioning | None, values: Values) -> tuple[Prompt | None, list[Problem]]:
    try:
        parsed: Any = json.loads(text)
        line = _Line.model_validate(parsed)
    except ValidationError as error:
        return None, problems(error, "")
    except ValueError as error:
        return None, [Problem("", f"is not valid JSON: {error}")]
    if line.attributes and told is None:
        return None, [Problem("", "the model has not learned to be told attributes", field="attributes")]
    if told is None:
        return Prompt(Request(line.said), line.id), []
    if wrong := told.attributes.wrong(line.attributes):
        return None, [Problem("", why, field=f"attributes.{name}") for name, why in wrong]
    return Prompt(Request(line.said, told.attributes.ordered({**values, **line.attributes})), line.id), []
