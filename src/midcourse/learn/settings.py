"""Every setting of a training run. A field's docstring is its help text; unknown keys are errors.

Importing this brings no torch: `train --help` needs the fields only. What needs the losses imports them when called.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from midcourse.models.adapters import ALL_LINEAR

if TYPE_CHECKING:
    from midcourse.learn.expression import Term
    from midcourse.learn.objectives import Constants

# What --help puts together: each topic begins at a field and goes on to the next one that begins another.
TOPICS = {
    "objective": "Objective",
    "epochs": "Steps",
    "beta": "Objective",
    "full": "Weights",
    "dtype": "Computing",
    "contradictions": "Steers",
    "self_check": "Computing",
    "checkpoint_every": "Checkpoints",
    "watch": "Watching",
    "hold_out": "Held-out steers",
    "report_to": "Trackers",
}

# What a run that is resumed may have otherwise: it changes no weight.
OUTSIDE = frozenset({"report_to", "run_name", "log_every", "checkpoint_every", "keep_checkpoints"})


class TrainSettings(BaseModel):
    """How to train on steers."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
    PLACES: ClassVar[tuple[str, ...]] = ()  # inputs of a recipe that are files, folders or URLs
    DATA: ClassVar[tuple[str, ...]] = ()  # those that hold what is trained on
    ITEMS: ClassVar[tuple[str, str]] = (
        "steer",
        "trace",
    )  # what is trained on, and what holds several of it, if one does

    # the best of the objectives that were tried, and the quickest; as the rate: docs/log.md, "The demo"
    objective: str = "sft + accepted"
    """What to minimise, added up with weights ("dpo + 0.5 sft + 0.1 anchor"): sft, accepted, dpo, robust, ipo, hinge,
    ddpo, dpop, bdpo, listwise, tdpo1, tdpo2, simpo, orpo, unlikelihood, unlikelihood_all, anchor, steerlm2
    (docs/objectives.md).
    """
    epochs: int = Field(default=4, ge=1)
    """How often each steer is seen."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """Peak learning rate of AdamW."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate goes on after the warm-up."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's decay of the trained weights."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of the gradient; 0 leaves it as it is."""
    batch: int = Field(default=4, ge=1)
    """Traces in an optimizer step."""
    max_tokens: int = Field(default=4096, ge=16)
    """Tokens that go through the model at once; a step, or a trace, with more is computed in parts, with the same
    result."""
    long: Literal["cut", "error", "skip"] = "cut"
    """A steer that does not fit with its whole context into max_tokens, or into what the model sees: keep the last part
    of its context, stop, or leave it out."""
    beta: float = Field(default=0.1, gt=0)
    """DPO's β: how strongly the model is held to the reference, in all objectives that have one but simpo."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """ε: the share of steers taken to be the wrong way round, in dpo, robust and their relatives."""
    sft_gamma: float = Field(default=1.0, gt=0)
    """How much more a token that the correction changes counts in sft than one that it shares with what was rejected.
    """
    ddpo_gamma: float = Field(default=3.0, gt=0)
    """DDPO's γ: the same in ddpo, on both sides."""
    dpop_lambda: float = Field(default=5.0, ge=0)
    """DPO-Positive's λ: the price of a correction that falls below the reference."""
    bdpo_lambda: float = Field(default=0.5, gt=0, lt=1)
    """Bounded-DPO's λ: the model's share in the mixture that bounds the rejected side; near 1 it is dpo."""
    tdpo_alpha: float = Field(default=0.5, ge=0)
    """TDPO's α: how much the divergence along both sides counts in tdpo2."""
    simpo_beta: float = Field(default=2.0, gt=0)
    """SimPO's β: the scale of its margin, which is a mean over tokens."""
    simpo_gamma: float = Field(default=1.0, ge=0)
    """SimPO's γ: the margin, times β, at which a steer counts as half learned."""
    lengths: dict[str, Literal["sum", "mean"]] = Field(default_factory=dict)
    """How an objective measures runs, "sum" or "mean" over tokens, where not as its paper does: --lengths.dpo mean."""
    horizon: int = Field(default=0, ge=0)
    """Only so many first tokens of what was rejected count (and are computed); 0: all."""
    full: bool = False
    """Train all weights instead of a LoRA adapter."""
    fresh: bool = False
    """Start from a new adapter even if the model has one; otherwise its adapter is trained on."""
    lora_rank: int = Field(default=16, ge=1)
    """Rank of the adapter."""
    lora_alpha: float = Field(default=32, gt=0)
    """The adapter's output is scaled by alpha / rank."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapter."""
    lora_targets: list[str] = Field(default=[ALL_LINEAR], min_length=1)
    """Which layers get an adapter: all-linear, or names of modules as in q_proj,v_proj."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Computation: bfloat16 where the machine is fast at it, float32 otherwise. Trained weights are always float32."""
    gradient_checkpointing: bool = False
    """Keep the input of each layer alone and compute the rest again for the gradient: less memory, a third slower."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seeds the adapter, the order of the traces and dropout."""
    contradictions: Literal["warn", "error", "drop"] = "warn"
    """Where one steer chooses what another rejects after the same tokens: say so, stop, or leave both out."""
    trim: Literal["none", "rejected", "both"] = "none"  # docs/log.md, "Shared ends"
    """Leave out what a correction and its rejected run end with: of the rejected run, or of both (not under ddpo or
    sft_gamma, which weigh it)."""
    similarity: Literal["auto", "on", "off"] = "auto"
    """Score how alike both sides of each steer are to the model (CHES), before training: where the reference is
    computed in any case (auto), also where that takes a pass of its own (on), or never."""
    displacement: float = Field(default=1.0, ge=0)
    """Alarm when a correction is so many nats less likely than before training (all its tokens together); 0: never."""
    self_check: bool = True
    """Before the first step, compare packed with row-by-row log-probabilities on some of the data."""
    checkpoint_every: int = Field(default=0, ge=0)
    """Steps between checkpoints to resume from; 0 writes none."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """How many checkpoints to keep."""
    watch: bool = False
    """Follow margin, accuracy and the reference even if the objective does without them (about a third slower)."""
    hold_out: float = Field(default=0.0, ge=0, lt=1)
    """Share of the traces that is not trained on but looked at during training: whole conversations, chosen by content.
    """
    eval_every: int = Field(default=0, ge=0)
    """Steps between looks at what is held out; 0: after every epoch."""
    metric: Literal["loss", "margin", "accuracy", "chosen_logp_per_token"] = "loss"
    """What of the held-out steers says which state of the model is the best."""
    patience: int = Field(default=0, ge=0)
    """Stop after so many looks without anything better; 0: never."""
    keep_best: bool = True
    """End with the weights that were best on what is held out, not with the last ones."""
    report_to: list[str] = Field(default_factory=list)
    """Trackers, by the names that transformers has for them: tensorboard, wandb, trackio, mlflow, …; one or several."""
    run_name: str | None = None
    """What trackers call this run; by default the name of the output folder."""
    log_every: int = Field(default=1, ge=1)
    """Steps between entries in the trackers."""

    @field_validator("report_to", "lora_targets", mode="before")
    @classmethod
    def _names(cls, given: object) -> object:
        """`tensorboard,wandb` is two, as is the list of both; none is none."""
        parts = [given] if isinstance(given, str) else given
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            return given
        return [name for part in parts for name in part.replace(",", " ").split() if name != "none"]

    @field_validator("objective")
    @classmethod
    def _objective(cls, text: str) -> str:
        from midcourse.learn.expression import parse

        parse(text)
        return text

    @property
    def per(self) -> str:
        """What `loss` is a mean over where all that is trained are answers: `answer`, each with the sum of its tokens,
        or `token`. Empty for steers, of which every objective has its own measure."""
        item, whole = self.ITEMS
        return "" if whole else "token" if self.lengths.get("sft") == "mean" else item

    @property
    def terms(self) -> tuple[Term, ...]:
        """The objective, parsed."""
        from midcourse.learn.expression import parse

        return parse(self.objective)

    @field_validator("lengths")
    @classmethod
    def _lengths(cls, given: dict[str, str]) -> dict[str, str]:
        from midcourse.learn.objectives import OBJECTIVES

        known = [name for name, objective in OBJECTIVES.items() if objective.lengths]
        if strange := [name for name in given if name not in known]:
            raise ValueError(f"no lengths can be set of {', '.join(strange)}, but of {', '.join(known)}")
        return given

    @property
    def constants(self) -> Constants:
        """The numbers in the formulas."""
        from midcourse.learn.objectives import Constants

        return Constants(**{field.name: getattr(self, field.name) for field in fields(Constants)})

    @property
    def training(self) -> TrainSettings:
        """The settings of training alone, of a recipe that has more."""
        return TrainSettings(**{name: getattr(self, name) for name in TrainSettings.model_fields})

    @property
    def inputs(self) -> dict[str, Any]:
        """What a recipe has beside the settings of training."""
        fields = type(self).model_fields
        return {name: getattr(self, name) for name in fields if name not in TrainSettings.model_fields}

    @property
    def ignored(self) -> list[str]:
        """What is set to other than its default and plays no part in this objective, in sentences."""
        from midcourse.learn.expression import sides
        from midcourse.learn.objectives import OBJECTIVES, Constants

        used = [term.name for term in self.terms]
        notes = []
        for name in (field.name for field in fields(Constants) if field.name != "lengths"):
            users = [one for one, objective in OBJECTIVES.items() if name in objective.constants]
            if getattr(self, name) != type(self).model_fields[name].default and not set(users) & set(used):
                notes.append(f"{name} is set and ignored: it is for {', '.join(users)}, not for {self.objective!r}")
        if strange := [name for name in self.lengths if name not in used]:
            notes.append(f"lengths of {', '.join(strange)} are set and ignored in {self.objective!r}")
        if self.horizon and not sides(self.terms) & {"rejected", "marked"}:
            notes.append(f"horizon is set and ignored: {self.objective!r} does not look at what was rejected")
        return notes
