"""The settings of the demonstration of attributes. The defaults are what fits into 25 minutes on two cores."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from midcourse.attributes.conditioning import Way

TOPICS = {"seed": "Rows", "teacher_depth": "Training", "guidance": "Measuring"}


class AttributesDemoSettings(BaseModel):
    """Which rows are taken, how the model learns from them, and what is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Decides which prompts are held out, and seeds every stage."""
    share: float = Field(default=0.35, gt=0, lt=1)
    """Share of the rows that is held out: the second judge learns from them, and their prompts are answered in the end.
    """
    unrated: float = Field(default=0.2, gt=0, lt=1)
    """Share of the training rows whose ratings are hidden, so that there is something to annotate."""
    max_prompt: int = Field(default=40, ge=16)
    """Tokens of a prompt; a longer one loses its middle."""
    max_answer: int = Field(default=200, ge=16)
    """Answers with more tokens are left out."""
    ladders: int = Field(default=32, ge=2)
    """How many answers train the dials, each with beginnings of it that have other levels of `dial`."""
    whole: int = Field(default=40, ge=0)
    """How many other answers train them besides, with all their ratings."""
    dial: str = "verbosity"
    """The attribute that is looked at most closely."""
    beside: str = "complexity"
    """The attribute that is moved at the same time."""

    teacher_depth: int = Field(default=10, ge=0)
    """How many lower layers of the model the teacher has; 0: all."""
    examiner_depth: int = Field(default=20, ge=0)
    """The same of the examiner: another one, so that their mistakes are less alike."""
    way: Way = "tokens"
    """How the model is told what is asked for."""
    epochs: int = Field(default=6, ge=1)
    """Epochs of the dials' training."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Its peak learning rate."""
    upper: float = Field(default=0.5, gt=0, le=1)
    """Which share of the model's blocks gets an adapter in it, from the top: the lower ones cost a backward pass."""
    ending: float = Field(default=30.0, ge=0)
    """How much more than others those tokens count in it that say whether an answer goes on."""
    batch: int = Field(default=4, ge=1)
    """Answers in a step of it."""
    drop_each: float = Field(default=0.1, ge=0, lt=1)
    """How often each attribute is left out of what is asked in it."""
    jitter: float = Field(default=0.0, ge=0, le=2)
    """Noise on the values in it, in steps of their scale."""
    bootstrap_prompts: int = Field(default=16, ge=0)
    """For how many prompts bootstrapping draws answers; 0 leaves it out."""
    refine_prompts: int = Field(default=8, ge=0)
    """For how many prompts SteerLM 2.0 draws answers; 0 leaves it out."""
    samples: int = Field(default=3, ge=2)
    """How many answers to each, in both."""

    guidance: float = Field(default=2.5, ge=0, le=20)
    """The strength of guidance that is compared with none."""
    prompts: int = Field(default=20, ge=2)
    """How many held-out prompts are answered at each setting."""
    max_tokens: int = Field(default=256, ge=8)
    """The longest answer."""
