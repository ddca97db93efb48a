"""A measurement: all numbers and texts of one before-and-after comparison, as measure.json holds them.

Representation: plain values and text only, so that a report can be drawn from the file alone, without model or
tokenizer. `before` is the base model (adapter off), `after` the same with the adapter on, None when there is none.
Token runs are stored twice: `ids`, exact, and `pieces`, one display string a token (a character that is split over
tokens is shown where it is complete, the tokens before it are ""). Shares are 0 to 1; log-probabilities and KL are in
nats. None means "not measured", never zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from midcourse.atomic import writing

Way = Literal["chosen", "rejected", "other"]


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Tokens(_Value):
    """A run of tokens; `pieces` is parallel to `ids`."""

    ids: list[int]
    pieces: list[str]

    @property
    def text(self) -> str:
        """The run as one string."""
        return "".join(self.pieces)


class Taken(_Value):
    """What one model does at one steer: how likely each side is, and which way it goes by itself.

    `way` is `chosen` when the greedy continuation begins with the correction (same tokens or same text), `rejected`
    when it agrees longer with a rejected run than with the correction, otherwise `other`. `wrote` is the continuation.
    """

    chosen_logp: float | None = None
    rejected_logp: list[float] = Field(default_factory=list)
    way: Way | None = None
    wrote: Tokens | None = None

    @property
    def margin(self) -> float | None:
        """log π(chosen) − log π(the likeliest rejected run); None for a mark or a pure insertion."""
        if self.chosen_logp is None or not self.rejected_logp:
            return None
        return self.chosen_logp - max(self.rejected_logp)


class Case(_Value):
    """One held-out steer, before and after. `trace` and `steer` are 0-based places in what was measured."""

    trace: int
    steer: int
    prompt: str
    context: Tokens  # the last tokens of the answer before the fork
    context_cut: int = 0  # how many answer tokens before `context` are left out
    chosen: Tokens | None
    rejected: list[Tokens]
    ends: bool = False
    reason: str | None = None
    tags: list[str] = Field(default_factory=list)
    before: Taken
    after: Taken | None = None


class Written(_Value):
    """An answer that a model wrote by itself (greedy, no steers), the checker's word, and what the oracle needed."""

    text: str
    passed: bool
    fields: float
    steers: int | None = None
    typed_tokens: int | None = None


class Answer(_Value):
    """One held-out prompt: the reference (the trace's own final answer) and what the model writes, before and after."""

    trace: int
    prompt: str
    reference: str
    before: Written
    after: Written | None = None


class Side(_Value):
    """The numbers of one model. Means are over what `counts` of the measurement says."""

    accuracy: float | None = None
    margin_mean: float | None = None
    margin_median: float | None = None
    chosen_logp_per_token: float | None = None
    rejected_logp_per_token: float | None = None
    replay_chosen: float | None = None
    replay_rejected: float | None = None
    replay_other: float | None = None
    pass_rate: float | None = None
    fields: float | None = None
    steers_per_answer: float | None = None
    typed_tokens_per_answer: float | None = None


class Moved(_Value):
    """How far the adapted model is from the base on one set of texts; KL(base‖adapted) is the mean over tokens."""

    texts: int
    tokens: int
    kl: float | None = None
    kl_p95: float | None = None  # 95 % of the tokens are below
    top1_agreement: float | None = None
    perplexity_before: float | None = None
    perplexity_after: float | None = None


class Drift(_Value):
    """`unrelated`: prompts that nobody steered, with the base model's own continuations. `on_track`: the tokens of the
    held-out traces that were let stand.
    """

    unrelated: Moved | None = None
    on_track: Moved | None = None


class Round(_Value):
    """The state after one round of steering and training; `typed_tokens` counts from the first round on."""

    typed_tokens: int
    steers_per_answer: float | None = None  # on held-out answers, after this round's training
    fields: float
    pass_rate: float
    answers: int | None = None  # how many training answers were steered so far
    steers: int | None = None  # how many steers they took so far
    seconds: float | None = None


class Rival(_Value):
    """Another way to spend the same effort; rivals of one `group` are drawn as one line."""

    name: str
    typed_tokens: int
    fields: float
    pass_rate: float
    steers_per_answer: float | None = None
    group: str | None = None


class Measurement(_Value):
    """Everything that measure.json holds."""

    format: int = 1
    created: str  # ISO 8601
    model: str
    adapter: str | None = None
    task: str | None = None  # one line about what the answers are
    check: str = "exact"  # which checker said what passes
    seed: int = 0
    versions: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, object] = Field(default_factory=dict)
    counts: dict[str, int] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)  # seconds
    before: Side
    after: Side | None = None
    drift: Drift = Field(default_factory=Drift)
    rounds: list[Round] = Field(default_factory=list)
    comparison: list[Rival] = Field(default_factory=list)
    answers: list[Answer] = Field(default_factory=list)
    cases: list[Case] = Field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write measure.json, whole or not at all. Raises `DiskError`."""
        with writing(path) as file:
            file.write(self.model_dump_json(indent=1))
