"""Work beside the studio: training and measuring, each a process of its own that reports through the store."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from midcourse.studio.schemas.base import Answer, Given, Id, ProblemView, Short, Text
from midcourse.studio.schemas.dials import Asked, DialsView, PredictorView

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
JobId = Annotated[int, Field(ge=0, lt=2**63)]
State = Literal["waiting", "running", "stopping", "stopped", "done", "failed"]


class Selection(Given):
    """Which steers: all that meet every condition given, without those set aside."""

    tag: Short | None = None
    trace_tag: Short | None = None
    author: Short | None = None
    text: Text | None = None
    model: Short | None = None
    serves: Short | None = None


class NewTraining(Given):
    """Train on steers. The adapter is called `name`."""

    name: Name
    select: Selection = Selection()
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.1
    settings: Annotated[dict[Short, Any], Field(max_length=100)] = {}
    """Fields of the training settings that are not to have their defaults."""
    start_from: Name | None = None
    """An adapter of the list to train further; None begins a new one."""


class Plan(Answer):
    """What a training would be."""

    command: str
    """The command line that does the same."""
    traces: int
    steers: int
    held_out: int
    """Steers that are looked at and not trained on."""
    tokens: int | None
    problems: list[ProblemView]
    """Why it cannot start; empty if it can."""
    notices: list[str]


class NewMeasurement(Given):
    """Measure an adapter on the steers that its training held out."""

    adapter: Name


class Point(Answer):
    """One report of a running job; means of the epoch so far, None where unknown. `held_out` of the last look."""

    n: int
    phase: str
    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float | None
    margin: float | None
    accuracy: float | None
    held_out: dict[str, float] | None
    tokens_per_second: float | None
    seconds_left: float | None
    note: str | None


class JobView(Answer):
    """A job and how far it is."""

    id: int
    kind: Literal["train", "measure"]
    name: str
    state: State
    created: str
    started: str | None
    ended: str | None
    command: str
    message: str | None
    """What went wrong or was said last, for a person."""
    progress: Point | None
    steers: int
    settings: dict[str, Any]
    metrics: dict[str, Any] | None
    report: bool
    """Whether there is a report to look at."""
    resumable: bool


class JobDetail(Answer):
    """A job with its points from number `after` on."""

    job: JobView
    points: list[Point]
    next: int


class JobPage(Answer):
    """All jobs, the newest first."""

    rows: list[JobView]


class Setting(Answer):
    """A setting of training, for a form."""

    name: str
    topic: str
    type: Literal["number", "integer", "text", "choice", "flag", "other"]
    default: Any
    choices: list[str]
    minimum: float | None
    maximum: float | None
    help: str


class AdapterView(Answer):
    """An adapter that can be switched to."""

    name: str
    created: str | None
    steers: int | None
    objective: str | None
    job: int | None
    fits: bool
    """Whether it is for the model that is loaded."""
    why: str | None = None
    """Why it does not fit."""
    dials: DialsView | None = None
    """What it can be asked for."""


class ModelsView(Answer):
    """Event `models`, too: the model, its adapters, and which of them is on."""

    model: str
    dtype: str
    device: str
    context_length: int
    active: str | None
    adapters: list[AdapterView]
    engine: str = "transformers"
    where: str = ""
    """What computes, in one line."""
    lacks: dict[str, str] = {}
    """What cannot be done with this engine, by name, and why, for a person."""
    batch_of: int = 1
    dials: DialsView | None = None
    """What it can be asked for as it is now."""
    own_dials: DialsView | None = None
    """What it can be asked for without any adapter."""
    predictor: PredictorView | None = None
    """What looks for places where answers go off track."""


class UseAdapter(Given):
    """Switch to an adapter, or to none. What the model is writing is stopped first."""

    adapter: Name | None


class NewComparison(Given):
    """Let two states of the model answer the same prompts; None is the model without adapter.

    Conversations are answered as they were asked, where nothing else is asked of a side.
    """

    left: Name | None
    right: Name | None
    left_asked: Asked = Asked()
    right_asked: Asked = Asked()
    prompts: Annotated[list[Text], Field(max_length=20)] = []
    traces: Annotated[list[Id], Field(max_length=20)] = []
    """Conversations to answer anew."""
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 200


class ComparedToken(Answer):
    """A token of one side's answer, with what each side thinks of it (None: not computed)."""

    id: int
    text: str
    logprob: float
    other: float | None
    ends: bool = False


class ComparisonEvent(Answer):
    """Event of a comparison: `begin` (prompt), `token`, `side` (a side's whole answer with `other`), `end`, `error`."""

    kind: Literal["begin", "token", "side", "end", "error"]
    prompt: int = 0
    side: Literal["left", "right"] | None = None
    text: str | None = None
    token: ComparedToken | None = None
    tokens: list[ComparedToken] | None = None
    message: str | None = None
