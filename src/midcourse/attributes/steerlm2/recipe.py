"""All that refining takes: the settings of training, what is asked, and how much is drawn.

Importing this brings no torch: `--help` needs the fields only.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from midcourse.attributes.data.settings import FormatName
from midcourse.learn.settings import TOPICS as TRAINING
from midcourse.learn.settings import TrainSettings

TOPICS = {"data": "Input", "samples": "Samples", **TRAINING}


class RefineRecipe(TrainSettings):
    """SteerLM 2.0, from a model with dials and a predictor."""

    PLACES: ClassVar[tuple[str, ...]] = ("data", "model", "adapter", "predictor")
    DATA: ClassVar[tuple[str, ...]] = ("data",)
    ITEMS: ClassVar[tuple[str, str]] = ("sample", "request")

    data: str | None = Field(default=None, min_length=1)
    """Conversations to answer, rated or not; of a rated one, what comes before its last answer."""
    format: FormatName = "auto"
    """What the file holds: plain, helpsteer, oasst, nemo or ultrafeedback; auto looks at the first line."""
    prompts: int = Field(default=0, ge=0)
    """Take only so many prompts, the shortest first; 0 takes all."""
    predictor: str | None = Field(default=None, min_length=1)
    """Who rates the samples, and knows how noisy that is: a folder that `attributes fit` wrote, or generative:MODEL."""
    model: str = Field(default="bundled", min_length=1)
    """A Hugging Face id, a folder, or `bundled`."""
    adapter: str | None = Field(default=None, min_length=1)
    """The adapter that has learned to be told attributes, if the model has not."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, xpu; auto takes the best there is."""
    threads: int = Field(default=0, ge=0)
    """Processor threads; 0 leaves it to torch. The last bits of a result depend on it."""

    samples: int = Field(default=4, ge=2, le=1000)
    """Answers drawn for each request."""
    iterations: int = Field(default=1, ge=1)
    """How often answers are drawn anew from the model as it is by then."""
    ask: Literal["rated", "random", "best"] = "rated"
    """What is asked for: the ratings that a prompt's answer has, random values of everything that the predictor rates,
    or the better end of each attribute that has one."""
    prior: Literal["neutral", "base"] = "neutral"
    """P(y|x): the model with nothing asked for, or the base model without its adapter."""
    tempering: float = Field(default=1.0, ge=0, le=1)
    """Below 1 the weights are flattened, so that over long answers not one sample of a request gets all."""
    max_tokens_drawn: int = Field(default=256, ge=1)
    """An answer has at most so many tokens; one that has not ended by then counts as it is."""
    share: float = Field(default=0.2, ge=0, lt=1)
    """Share of the prompts whose samples are not trained on: KL(w‖b) on them says whether it helps."""

    objective: str = "steerlm2"
    epochs: int = Field(default=2, ge=1)
    """How often each request is seen."""
    batch: int = Field(default=4, ge=1)
    """Requests in an optimizer step, each with all of its samples."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Peak learning rate of AdamW."""

    @property
    def training(self) -> TrainSettings:
        """The settings of training alone."""
        values = {name: getattr(self, name) for name in TrainSettings.model_fields}
        return TrainSettings(**{**values, "objective": "steerlm2", "displacement": 0.0, "lengths": {}, "long": "error"})
