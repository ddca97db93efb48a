"""What one line of a trace file may say: pydantic models of its shape, and problems that name the field.

`parse(found)` gives a `Line`, or every problem of its shape with a path such as `output[1].chosen`. Types are strict
(no number becomes a string), unknown keys are problems, and what only makes sense together (`chosen: ""` with `end`)
is checked here too. What the shape cannot know (does the tokenizer agree?) is checked by who builds.
"""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from midcourse.trace.tree import Source

Id = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(min_length=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _About(_Model):
    """What a line and a steer may both say about themselves."""

    tags: list[str] = []
    weight: Weight = 1.0
    author: str | None = None
    created: str | None = None

    @field_validator("created")
    @classmethod
    def _iso(cls, created: str | None) -> str | None:
        if created is not None:
            try:
                datetime.fromisoformat(created)
            except ValueError:
                raise PydanticCustomError("time", "expected a time as 2026-01-31T12:00:00Z") from None
        return created


class Text(_Model):
    """A piece of text; in an export with its exact ids. `end`: the last of them ends the answer.

    `hex` are the exact bytes where `text` cannot say them; `special` warns of ids that have no text at all.
    """

    text: str
    ids: list[Id] | None = None
    end: bool = False
    source: Source | None = None
    hex: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")] | None = None
    special: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Text:
        if not (self.text or self.end or self.ids):
            raise PydanticCustomError("empty", 'is empty; give a text, or "end": true')
        return self


class Piece(NamedTuple):
    """A string or a `Text` of a line, to build from."""

    text: str
    ids: list[int] | None = None
    end: bool = False
    source: Source | None = None
    hex: str | None = None
    special: bool = False

    @property
    def exact(self) -> bytes:
        """The bytes that it stands for."""
        return self.text.encode() if self.hex is None else bytes.fromhex(self.hex)


def _kind(found: Any) -> str:
    return "text" if isinstance(found, (dict, Text)) else "list" if isinstance(found, list) else "string"


_String = Annotated[Name, Tag("string")]
_Piece = Annotated[
    _String | Annotated[Text, Tag("text")], Discriminator(lambda found: _kind(found).replace("list", "string"))
]
_Rejected = Annotated[
    _String | Annotated[Text, Tag("text")] | Annotated[list[_Piece], Tag("list")], Discriminator(_kind)
]
_Chosen = Annotated[
    Annotated[str, Tag("string")] | Annotated[Text, Tag("text")],
    Discriminator(lambda found: _kind(found).replace("list", "string")),
]


class Correction(_About):
    """A steer. `end` comes before `chosen`, whose check needs it; `number` orders the steers of an export."""

    end: bool = False
    rejected: _Rejected | None = None
    chosen: _Chosen | None = None
    reason: str | None = None
    serves: list[Name] = []
    aside: bool = False
    number: int | None = Field(None, alias="steer", ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Correction:
        if self.chosen is None:
            if not self.rejected:
                raise PydanticCustomError("empty", "the steer is empty: give what is rejected, what is chosen, or both")
            if self.end:
                raise PydanticCustomError("end", 'ends the answer without a choice; add "chosen": "" to stop here')
        elif self.chosen == "" and not self.end:
            raise PydanticCustomError(
                "chosen", 'is empty; give a correction, add "end": true to stop here, or leave it out to only mark'
            )
        elif isinstance(self.chosen, Text) and self.chosen.end and not self.end:
            raise PydanticCustomError("end", 'the chosen text ends the answer; say "end": true')
        return self

    @property
    def bad(self) -> list[Piece]:
        """What is rejected, as a list."""
        several = self.rejected if isinstance(self.rejected, list) else [self.rejected]
        return [as_piece(one) for one in several if one is not None]


class Branch(Correction):
    """A steer of an export that is not on the way to the head; `after` is the answer before it, if any."""

    after: _Chosen = ""


def _item_kind(found: Any) -> str:
    if isinstance(found, dict):
        return "text" if "text" in found and not {"chosen", "rejected"} & found.keys() else "steer"
    return "steer" if isinstance(found, Correction) else "text" if isinstance(found, Text) else "string"


Item = Annotated[
    Annotated[str, Tag("string")] | Annotated[Text, Tag("text")] | Annotated[Correction, Tag("steer")],
    Discriminator(_item_kind),
]


class Turn(_Model):
    """A message. An assistant's may have an `output` as a line has, instead of `content`."""

    role: str
    content: str | list[Any] | None = None
    output: list[Item] | None = None
    name: str | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None

    @field_validator("role")
    @classmethod
    def _known(cls, role: str) -> str:
        roles = ("system", "developer", "user", "assistant", "tool", "function")
        if role not in roles:
            raise PydanticCustomError(
                "role", "{role} is no role; use one of {roles}", {"role": repr(role), "roles": ", ".join(roles)}
            )
        return role

    @model_validator(mode="after")
    def _says_something(self) -> Turn:
        if self.output is None:
            if self.content is None and not self.tool_calls:
                raise PydanticCustomError("content", "is missing")
        elif self.role != "assistant":
            raise PydanticCustomError("output", "only an assistant's message can be steered")
        elif self.content is not None:
            raise PydanticCustomError("output", "give either content or output")
        elif not self.output:
            raise PydanticCustomError("output", "is empty")
        return self


class ExactSpan(_Model):
    """A span by ids alone. A log-probability of null is minus infinity."""

    parent: int | None
    fork: int
    ids: list[Id]
    source: Source
    logprobs: list[float | None] | None = None


_Run = Annotated[list[Id], Field(min_length=3, max_length=3)]


class ExactSteer(_About):
    """A steer by its runs `[span, start, stop]`."""

    chosen: _Run | None = None
    rejected: list[_Run] = []
    reason: str | None = None
    serves: list[Name] = []
    aside: bool = False
    ends: bool = False


class Exact(_Model):
    """All of a trace that its text does not say; spans and steers in their order, `history` as `[span, length]`."""

    prompt: list[Id]
    end_ids: list[Id]
    spans: list[ExactSpan]
    steers: list[ExactSteer]
    history: list[Annotated[list[Id | None], Field(min_length=2, max_length=2)]]
    cursor: int
    finished: bool


class Line(_About):
    """A conversation and its steered answers."""

    messages: Annotated[list[Turn], Field(min_length=1)]
    output: list[Item] | None = None
    id: Name | None = None
    attributes: dict[str, Number] = {}
    model: Name | None = None
    reason: str | None = None
    tokenizer: str | None = None
    branches: list[Branch] = []
    exact: Exact | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Line:
        if self.exact:
            if self.id is None or self.tokenizer is None or self.output is None or self.model is None:
                raise PydanticCustomError("exact", "needs id, model, tokenizer and output beside it")
        elif self.output is None and not any(turn.output for turn in self.messages):
            raise PydanticCustomError("output", "is missing: no answer is steered")
        elif self.output == []:
            raise PydanticCustomError("output", "is empty")
        return self


class Flaw(NamedTuple):
    """What is wrong with a field of a line; `field` None is the line as a whole."""

    field: str | None
    message: str


_LINE = TypeAdapter(Line)
_TAGS = {"string", "text", "steer", "list"}
_KEYS = {name for model in (Line, Turn, Correction, Text, Branch) for name, field in model.model_fields.items()} - {
    "number"
} | {"steer"}
_FOUND = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}
_EXPECTED = {
    "string_type": "a string",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
}


def parse(found: Any) -> Line | list[Flaw]:
    """The line, or all that is wrong with its shape."""
    if not isinstance(found, dict):
        return [Flaw(None, f"expected one JSON object a line, found {_FOUND.get(type(found), 'null')}")]
    try:
        return _LINE.validate_python(found)
    except ValidationError as error:
        return [_flaw(detail) for detail in error.errors(include_url=False)]


def as_piece(found: str | Text) -> Piece:
    """What either says."""
    if isinstance(found, str):
        return Piece(found)
    return Piece(found.text, found.ids, found.end, found.source, found.hex, found.special)


def _flaw(detail: ErrorDetails) -> Flaw:
    kind, value = detail["type"], detail["input"]
    path = ""
    steps = list(detail["loc"])
    for place, step in enumerate(steps):
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in _TAGS or (step == "text" and place == len(steps) - 1 and kind != "empty"):
            path += f".{step}" if path else step
    if kind in ("chosen", "end", "output", "content", "exact"):  # found by a whole object, about one of its fields
        path += f".{kind}" if path else kind
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(steps[-1]), sorted(_KEYS), n=1)
        message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    elif kind == "missing":
        message = "is missing"
    elif kind in ("string_too_short", "too_short"):
        message = "is empty"
    elif kind in _EXPECTED:
        message = f"expected {_EXPECTED[kind]}, found {_FOUND.get(type(value), 'null')}"
    else:
        message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Flaw(path or None, message)
