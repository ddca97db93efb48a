"""All that a run of attribute-conditioned fine-tuning takes: the settings of training, and what is asked of answers.

Importing this brings no torch: `--help` needs the fields only.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from midcourse.attributes.conditioning import Way
from midcourse.attributes.data.settings import FormatName
from midcourse.learn.settings import TOPICS as TRAINING
from midcourse.learn.settings import TrainSettings

TOPICS = {"data": "Input", "way": "Attributes", "max_length": "Steps", **TRAINING}
# What is about steers, and has no meaning here: not among the flags.
ABSENT = frozenset(
    {
        "objective", "beta", "label_smoothing", "sft_gamma", "ddpo_gamma", "dpop_lambda", "bdpo_lambda", "tdpo_alpha",
        "simpo_beta", "simpo_gamma", "lengths", "horizon", "contradictions", "trim", "similarity", "displacement",
        "watch", "metric", "long", "hold_out",
    }
)  # fmt: skip


class ConditionedRecipe(TrainSettings):
    """A whole run."""

    PLACES: ClassVar[tuple[str, ...]] = ("data", "held_out", "model", "adapter")
    DATA: ClassVar[tuple[str, ...]] = ("data", "held_out")
    ITEMS: ClassVar[tuple[str, str]] = ("answer", "")

    data: str | None = Field(default=None, min_length=1)
    """Rated conversations to train on (docs/attributes.md has the formats)."""
    held_out: str | None = Field(default=None, min_length=1)
    """Rated conversations to look at during training and not to train on; otherwise `share` of the data."""
    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the prompts that is not trained on but looked at during training: whole prompts, chosen by content."""
    format: FormatName = "auto"
    """What the files hold: plain, helpsteer, oasst, nemo or ultrafeedback; auto looks at the first line."""
    attributes: str = "helpsteer"
    """What is graded: helpsteer, oasst, or a YAML file."""
    model: str = Field(default="bundled", min_length=1)
    """A Hugging Face id, a folder, or `bundled`."""
    adapter: str | None = Field(default=None, min_length=1)
    """Train this adapter on, instead of a new one."""
    only: bool = False
    """Leave out attributes that the schema does not have, instead of refusing them."""
    skip_invalid: bool = False
    """Leave out rows with problems instead of stopping."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, xpu; auto takes the best there is."""
    quantize: Literal["4bit", "8bit"] | None = None
    """Hold the frozen weights in 4 or 8 bits (QLoRA), where CUDA is; needs the extra `qlora`."""
    threads: int = Field(default=0, ge=0)
    """Processor threads; 0 leaves it to torch. The last bits of a result depend on it."""

    way: Way = "system"
    """How the model is told: by a line of the system message, or where the answer begins, inline in words or by special
    tokens."""
    line: str = ""
    """The words; {values} becomes `helpfulness 4, verbosity 1`. By default "Answer with {values}." in the system
    message, and "[{values}]" on a line of its own inline."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """How often nothing at all is asked, so that the model works without, and guidance has something to lead away from.
    """
    drop_each: float = Field(default=0.25, ge=0, lt=1)
    """How often each single attribute is left out of what is asked, so that any part of them can be asked for."""
    jitter: float = Field(default=0.0, ge=0, le=2)
    """Standard deviation of noise on the values, in steps of their scale, because ratings are noisy."""
    rounded: bool = True
    """Values are moved to the nearest step of their scale, as people give them; otherwise they are written to a tenth.
    """
    labels: Literal["any", "human"] = "any"
    """Use all ratings, or only those of people."""
    unrated: bool = False
    """Train on answers that nobody rated as well, with nothing asked for."""
    normalise: Literal["token", "answer"] = "token"
    """What counts the same: every token, or every answer however long it is."""
    ending: float = Field(default=0.0, ge=0)
    """How much more than others those tokens count that say whether an answer goes on: behind each sentence and line,
    and its end. Dials of length turn nothing else, and among many tokens a model learns it late; 30 is a good value
    for a few hundred rows."""
    max_length: int = Field(default=1024, ge=16)
    """Tokens of a conversation with its answer; where there are more, the longest message before the answer loses its
    middle, and an answer that is too long by itself its end."""

    objective: str = "sft"
    epochs: int = Field(default=3, ge=1)
    """How often each answer is seen."""
    batch: int = Field(default=8, ge=1)
    """Answers in an optimizer step."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """Peak learning rate of AdamW."""

    @field_validator("line")
    @classmethod
    def _told(cls, line: str, found: ValidationInfo) -> str:
        if line and found.data.get("way") == "tokens":
            raise ValueError("special tokens are written without words: leave it out, or take way: system or inline")
        try:
            asks = line.format(values="4") != line.format(values="0")
        except (LookupError, ValueError):
            raise ValueError("braces mean {values} alone; any others are written twice, {{ and }}") from None
        if line and not asks:
            raise ValueError("without {values} in it, whatever is asked for would be written the same")
        return line

    @property
    def training(self) -> TrainSettings:
        """The settings of training alone."""
        values = {name: getattr(self, name) for name in TrainSettings.model_fields}
        lengths = {"sft": "mean"} if self.normalise == "answer" else {}
        return _Training(**{**values, "objective": "sft", "lengths": lengths, "displacement": 0.0})


class _Training(TrainSettings):
    """Settings of training alone, of answers."""

    ITEMS: ClassVar[tuple[str, str]] = ConditionedRecipe.ITEMS
