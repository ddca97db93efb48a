"""All that bootstrapping takes: the settings of training, what is drawn, and what is kept of it.

Importing this brings no torch: `--help` needs the fields only.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from midcourse.attributes.train.recipe import ABSENT as ABSENT_IN_TRAINING
from midcourse.attributes.train.recipe import TOPICS as TRAINING
from midcourse.attributes.train.recipe import ConditionedRecipe

TOPICS = {"data": TRAINING["data"], "predictor": "Bootstrapping", **TRAINING}
# What the model's own dials decide, and what a round does by itself, besides what is about steers.
ABSENT = ABSENT_IN_TRAINING | {
    "attributes", "way", "line", "unrated", "labels", "only", "full", "fresh", "eval_every", "patience", "keep_best",
}  # fmt: skip


class BootstrapRecipe(ConditionedRecipe):
    """Rounds of drawing, rating, keeping and training, from a model with dials and a predictor."""

    PLACES: ClassVar[tuple[str, ...]] = (*ConditionedRecipe.PLACES, "predictor", "judge")

    data: str | None = Field(default=None, min_length=1)
    """Conversations whose prompts are answered; their rated answers are trained on, too (`replay`)."""
    held_out: str | None = Field(default=None, min_length=1)
    """Conversations on whose prompts rounds are measured; otherwise `share` of the data."""
    adapter: str | None = Field(default=None, min_length=1)
    """The adapter that has learned to be told attributes, if the model has not; rounds train it on."""
    share: float = Field(default=0.2, ge=0, lt=1)
    """Share of the prompts that are not trained on: there it is measured whether a round has gained anything."""
    epochs: int = Field(default=1, ge=1)
    """How often each answer is seen in a round."""
    learning_rate: float = Field(default=2e-4, gt=0)
    """Peak learning rate of AdamW."""

    predictor: str | None = Field(default=None, min_length=1)
    """Who rates what is drawn: a folder that `attributes fit` wrote, or what else `attributes annotate` takes."""
    judge: str | None = Field(default=None, min_length=1)
    """Who rates held-out prompts, which decides when to stop; without one the predictor, which is then its own judge.
    """
    rounds: int = Field(default=3, ge=1)
    """How many rounds at most."""
    goal: list[str] = Field(default_factory=list)
    """What is asked for, as in helpfulness=4; otherwise the better end of each attribute that has one."""
    vary: bool = True
    """Ask for all other attributes at a level by chance, so that their dials go on working; otherwise leave them open.
    """
    prompts: int = Field(default=0, ge=0)
    """Draw for so many prompts, the shortest first, and look at as many held-out ones; 0 takes all."""
    samples: int = Field(default=4, ge=1, le=1000)
    """Answers drawn for each prompt in a round."""
    temperature: float = Field(default=0.8, gt=0)
    """Of drawing: higher is more varied."""
    top_p: float = Field(default=0.95, gt=0, le=1)
    """Of drawing: sample from the likeliest tokens that together have this probability."""
    guidance: float = Field(default=1.0, ge=0, le=20)
    """Of drawing: how far to go towards what is asked for; 1 is the model as it is."""
    answer_tokens: int = Field(default=256, ge=1)
    """An answer has at most so many tokens; one that has not ended by then is not trained on."""
    keep: Literal["best", "weighted", "all"] = "best"
    """Train on the best answers of each prompt, on all with weights that grow with how good they are, or on all."""
    kept: int = Field(default=1, ge=1)
    """How many answers of each prompt are the best ones."""
    spread: float = Field(default=0.1, gt=0)
    """With `weighted`: an answer that is nearer to the goal by this share of the way counts e times as much."""
    replay: float = Field(default=1.0, ge=0)
    """Weight of the rated answers that are given, among those that are drawn; 0 leaves them out."""
    measured: int = Field(default=2, ge=1)
    """Answers to each held-out prompt, by which a round is measured."""
    least: float = Field(default=1.0, ge=0)
    """A round must gain more than so many standard errors over the one before it; otherwise it is dropped, and the
    last one that gained is the result."""

    @model_validator(mode="after")
    def _goes_on(self) -> Self:
        if odd := [name for name in ("full", "fresh") if getattr(self, name)]:
            raise ValueError(f"{' and '.join(odd)}: rounds go on from one adapter, which has the dials")
        return self

    @property
    def conditioned(self) -> ConditionedRecipe:
        """The settings of a round's training."""
        return ConditionedRecipe(**{name: getattr(self, name) for name in ConditionedRecipe.model_fields})
