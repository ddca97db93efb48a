"""A trace as the page sees it: the conversation, the accepted answer token by token, its forks and its steers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from midcourse.studio.schemas.base import Answer, Attribute, Depth, Given, Id, Short, Text
from midcourse.studio.schemas.dials import Attributes, Guidance
from midcourse.trace.tree import Source

Role = Literal["system", "user", "assistant"]
Kind = Literal["correction", "insertion", "ending", "mark"]


class MessageView(Given):
    """A turn of the conversation."""

    role: Role
    content: Text


class SamplingView(Given):
    """How the model writes in this conversation; kept with it."""

    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    """How much the model writes before it waits."""
    guidance: Guidance = 1.0
    """How far to go towards the attributes that are asked for: 1 is the model as it is; nothing without any."""


class AlternativeView(Answer):
    """A token that could stand there. `ends` where it ends the answer."""

    id: int
    text: str
    logprob: float
    ends: bool = False


class TokenView(Answer):
    """A token of the answer. A character split over tokens is in the text of the token that completes it."""

    id: int
    text: str
    logprob: float | None
    """Of the model when it wrote it, or None where nobody computed it (typed or imported tokens)."""
    source: Source
    span: int
    """The span that it is in; -1 while the model writes it."""
    ends: bool = False


class PointView(Given):
    """A place in the tree: after `length` tokens of `span`; (null, 0) is the beginning of the answer."""

    span: Annotated[int, Field(ge=0)] | None
    length: Depth


class BranchView(Answer):
    """One of several ways to go on at a fork."""

    goto: PointView
    """Where the head goes to see it: where it was last within this branch, or its end."""
    source: Source
    text: str
    """How it begins."""
    tokens: int
    steers: int
    """How many steers lie within it."""


class ForkView(Answer):
    """A depth of the answer at which it could go on in several ways; `branches[current]` is the present one.

    `current` is -1 at the very end of the answer, which goes on in none of them (after an undo).
    """

    depth: int
    branches: list[BranchView]
    current: int


class SteerView(Answer):
    """A steer of this trace. `start` to `chosen_stop` are depths on its own branch."""

    number: int
    kind: Kind
    start: int
    chosen_stop: int | None
    rejected_stop: int | None
    chosen: str | None
    rejected: list[str]
    ends: bool
    on_path: bool
    """Whether the accepted answer holds its correction (a mark: what it marks)."""
    goto: PointView
    reason: str | None
    tags: list[str]
    serves: list[str]
    """Attributes for whose sake it was made."""
    weight: float
    aside: bool
    """Set aside: kept, and not trained on."""
    author: str | None
    created: str | None


class RunView(Answer):
    """What the model is doing with this trace."""

    state: Literal["idle", "queued", "reading", "writing"]
    ahead: int = 0
    """Queued: how many others are served before."""
    reused: int | None = None
    """Tokens of the context that were there already, and that had to be read."""
    read: int | None = None
    first_token_ms: float | None = None
    """From the request to the first token."""
    tokens: int = 0
    tokens_per_second: float | None = None
    ended: Literal["end", "limit", "stopped", "left", "failed"] | None = None
    """Why the last run ended; `left`: nobody was watching any more."""
    message: str | None = None
    """What went wrong, for a person."""


class TraceView(Answer):
    """A trace. As an event, `tokens` replace those from depth `keep` on; elsewhere `keep` is 0."""

    id: str
    version: int
    """Grows with every change of the answer but text that the model appends; a depth is meant for one version."""
    keep: int
    tokens: list[TokenView]
    title: str
    messages: list[MessageView]
    prompt_tokens: int
    context_length: int
    model: str
    readonly: str | None
    """Why it cannot be steered with the model that is loaded, or None."""
    tags: list[str]
    attributes: dict[str, float]
    author: str | None
    created: str | None
    ended: bool
    """The answer ends with an end-of-answer token."""
    finished: bool
    can_undo: bool
    can_redo: bool
    forks: list[ForkView]
    steers: list[SteerView]
    sampling: SamplingView
    run: RunView


class TokenEvent(Answer):
    """Event `token`: the model has written `tokens[depth]` of this version."""

    trace: str
    version: int
    depth: int
    token: TokenView
    alternatives: list[AlternativeView]


class RunEvent(Answer):
    """Event `run`: what the model is doing with the trace has changed."""

    trace: str
    version: int
    run: RunView


class TraceRowView(Answer):
    """A trace in the list."""

    id: str
    title: str
    answer: str | None
    model: str
    steers: int
    tokens: int
    finished: bool
    tags: list[str]
    attributes: dict[str, float]
    author: str | None
    created: str | None
    writing: bool


class TracePage(Answer):
    """Some traces, the newest first; `next` is the `after` of the following page."""

    rows: list[TraceRowView]
    next: str | None


class NewTrace(Given):
    """Begin a conversation. The last message comes from the user."""

    messages: Annotated[list[MessageView], Field(min_length=1, max_length=1000)]
    sampling: SamplingView = SamplingView()
    tags: Annotated[list[Short], Field(max_length=100)] = []
    attributes: Attributes = {}
    """What is asked of the answer; the model must have learned to be told so."""
    go_on: bool = True
    """Let the model begin to write at once."""


class NextTurn(Given):
    """Accept the answer and say the next thing; the answer is a new trace."""

    content: Text
    attributes: Attributes | None = None
    """What is asked of the next answer; by default what was asked of this one."""
    go_on: bool = True


class TraceChange(Given):
    """What to change about a trace; what is not given stays."""

    tags: Annotated[list[Short], Field(max_length=100)] | None = None
    attributes: Attributes | None = None
    """Only where none was asked for: the model has read those."""
    sampling: SamplingView | None = None
    finished: bool | None = None


class At(Given):
    """A command that is meant for one version of the answer; refused as `stale` if another one is there by now."""

    version: Annotated[int, Field(ge=0)]


class Write(At):
    """Let the model go on from the end of the answer."""


class Regenerate(At):
    """Let the model write again from `depth`, or from where its last run began."""

    depth: Depth | None = None


class Goto(At):
    """Put the head anywhere."""

    to: PointView


class NewSteer(At):
    """Put the answer right at `depth`. What follows there, up to `stop`, was off track.

    `correct`: `text` instead; `pick`: the token `token` instead; `end`: the answer should have ended there; `mark`:
    no correction; `write`: `text` instead, and nothing is recorded to train on.
    """

    action: Literal["correct", "pick", "end", "mark", "write"]
    depth: Depth
    text: Text = ""
    token: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    ends: bool = False
    """`correct`: the answer ends after the correction."""
    stop: Depth | None = None
    reason: Text | None = None
    tags: Annotated[list[Short], Field(max_length=100)] = []
    serves: Annotated[list[Attribute], Field(max_length=100)] = []
    """Attributes for whose sake it is made."""
    weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1.0
    go_on: bool = True
    """Let the model go on from there at once."""


class Draft(At):
    """What is being typed as a correction at `depth`; an empty text if it is not any more."""

    depth: Depth
    text: Text
    stop: Depth | None = None
    """As in a steer: where what it rejects ends."""


class Done(Answer):
    """A command was carried out and is on disk; what it changed comes as events."""

    trace: Id
    version: int
    steer: int | None = None


class Alternatives(Answer):
    """The ten likeliest tokens at `depth`, best first."""

    version: int
    depth: int
    alternatives: list[AlternativeView]
