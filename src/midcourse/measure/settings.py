"""The settings of a measurement. The caps keep measuring lean; the counts in the result say what was used."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class MeasureSettings(BaseModel):
    """What to measure, and how much of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    seed: int = 0
    """Seed of everything that is drawn: which steers are replayed when there are more than `replays`."""

    replays: int = Field(default=256, ge=0)
    """How many held-out steers to replay at most; 0 leaves replay out."""

    answers: int = Field(default=64, ge=0)
    """How many held-out answers to write anew, and to have the oracle steer, at most; 0 leaves effort out."""

    answer_tokens: int | None = Field(default=None, gt=0)
    """Longest answer, in tokens; by default half as long again as the held-out answer, and at least 32."""

    oracle_run_on: int = Field(default=8, ge=0)
    """How many tokens past its first mistake the oracle lets the model write."""

    oracle_tokens: int = Field(default=12, gt=0)
    """The longest correction, in tokens, that the oracle types at once."""

    oracle_steers: int = Field(default=16, gt=0)
    """How often the oracle steers one answer before it gives up."""

    oracle_cut: Literal["full", "lines", "line", "words"] = "full"
    """Where the oracle stops typing: at its longest, or after whole lines, the line of the mistake, a whole word."""

    oracle_whitespace: Literal["exact", "lenient"] = "exact"
    """Whether the oracle minds white space of another length."""

    drift_prompts: int = Field(default=24, ge=0)
    """How many of the unrelated prompts to measure drift on; 0 leaves them out."""

    drift_tokens: int = Field(default=32, gt=0)
    """How many tokens the base model writes after each unrelated prompt."""

    rows: bool = False
    """Score steers one row at a time instead of packed: slower, equal to rounding."""
