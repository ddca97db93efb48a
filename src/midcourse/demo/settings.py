"""The settings of the demonstration. The defaults are what the log found to be reliable (docs/log.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DemoSettings(BaseModel):
    """How many notes there are, how the oracle steers them, and how the model learns from that."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    seed: int = 0
    """Seed of the notes, of the adapter and of the order in which it is trained."""

    rounds: int = Field(default=3, ge=1, le=10)
    """How often to steer the model as it is by then, and train it on all steers so far."""

    answers: int = Field(default=40, ge=1)
    """How many training answers are steered, in all rounds together; later rounds take more, as each needs less."""

    budget: int = Field(default=700, ge=1)
    """The oracle types no more tokens than this in all rounds together; answers beyond are left out."""

    held_out: int = Field(default=40, ge=1, le=200)
    """How many notes to measure on; none shares a name, city, job or sentence with the training notes."""

    typed: int = Field(default=6, ge=1)
    """How many tokens the oracle types at once, at most."""

    run_on: int = Field(default=4, ge=0)
    """How many tokens past its first mistake the oracle lets the model write."""

    steers: int = Field(default=16, ge=1)
    """How often the oracle steers one answer, at most."""

    objective: str = "sft + accepted"
    """What training on steers minimises."""

    first_epochs: int = Field(default=10, ge=1)
    """Epochs of the first round, which has the fewest answers."""

    epochs: int = Field(default=3, ge=1)
    """Epochs of each later round, over all steers so far."""

    learning_rate: float = Field(default=5e-4, gt=0)
    """Peak learning rate of AdamW; each round has its own warm-up and decay."""

    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Computation: bfloat16 where the machine is fast at it, float32 otherwise."""

    replays: int = Field(default=120, ge=0)
    """How many held-out steers to replay at most."""

    drift_prompts: int = Field(default=16, ge=0)
    """How many unrelated prompts to measure drift on."""

    compare: bool = True
    """Also train on whole rewritten answers, typed with the same effort."""

    rewrite_epochs: int = Field(default=20, ge=1)
    """Epochs over the rewritten answers: as many optimizer steps as the steers got, or more."""

    rewrite_learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate for the rewritten answers."""

    @model_validator(mode="after")
    def _enough(self) -> DemoSettings:
        if self.answers < 5 * self.rounds:
            raise ValueError(f"{self.rounds} rounds need at least {5 * self.rounds} answers, not {self.answers}")
        return self
