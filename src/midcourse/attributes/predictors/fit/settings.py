"""Every setting of `attributes fit`. A field's docstring is its help text; unknown keys are errors.

Importing this brings no torch.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TOPICS = {
    "epochs": "Training",
    "max_tokens": "Data",
    "dtype": "Computing",
}


class FitSettings(BaseModel):
    """How to fit a predictor."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    epochs: int = Field(default=3, ge=0)
    """How often each answer is seen, after the head alone has been fitted; 0 leaves the backbone as it is."""
    learning_rate: float = Field(default=2e-4, gt=0)
    """Peak learning rate of AdamW; it falls to 0 along a cosine."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW's decay of the trained weights, the head's bias not among them."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of the gradient; 0 leaves it as it is."""
    batch: int = Field(default=16, ge=1)
    """Answers in an optimizer step."""
    full: bool = False
    """Train all weights of the backbone instead of a LoRA adapter."""
    lora_rank: int = Field(default=8, ge=1)
    """Rank of the adapter."""
    lora_alpha: float = Field(default=16, gt=0)
    """The adapter's output is scaled by alpha / rank."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapter."""
    depth: int = Field(default=0, ge=0)
    """Take only so many of the backbone's lower layers, which costs as much less everywhere; 0: all."""
    layers: int = Field(default=0, ge=0)
    """Train only so many of the upper layers, and compute what goes into them once, which is kept in memory; 0: all."""
    dense: bool = False
    """Train at every token of an answer, too, so that the predictor can be read at each of them."""
    length: bool = True
    """Let the head see the logarithm of the answer's length in tokens beside the hidden state."""
    prompt: bool = True
    """Let the head see the logarithm of the prompt's length, too, and its product with that of the answer's; not
    without `length`."""
    max_tokens: int = Field(default=1024, ge=16)
    """Longest conversation; a longer one loses the middle of its prompt, then of its answer, and is counted."""
    hold_out: float = Field(default=0.2, ge=0, lt=1)
    """Share of the prompts, with all their answers, that is not trained on: metrics and noise are measured there."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seeds the adapter, the order of the answers, dropout and what is held out."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Computation: bfloat16 where the machine is fast at it, float32 otherwise. Trained weights are always float32."""
    batch_tokens: int = Field(default=4096, ge=16)
    """Tokens, with padding, that go through the model at once; a step with more is computed in parts."""
    checkpoint_every: int = Field(default=0, ge=0)
    """Steps between checkpoints to resume from; 0 writes none."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """How many checkpoints to keep."""
