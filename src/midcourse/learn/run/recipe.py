"""A recipe: all that a run takes, in one mapping that is written and read as YAML.

The settings of training, and what is trained on what: with these a run can be repeated. `run.yaml` in an output folder
is a recipe with what the run met (`record.py`) beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from midcourse.learn.settings import TOPICS as TRAINING
from midcourse.learn.settings import TrainSettings

TOPICS = {"traces": "Input", **TRAINING, "device": "Computing"}


class Recipe(TrainSettings):
    """A whole run."""

    PLACES: ClassVar[tuple[str, ...]] = ("traces", "held_out", "model", "adapter")
    DATA: ClassVar[tuple[str, ...]] = ("traces", "held_out")

    traces: str | None = Field(default=None, min_length=1)
    """What to train on: a JSONL file of steered answers, or the URL of a store."""
    held_out: str | None = Field(default=None, min_length=1)
    """Steers to look at during training and not to train on: a file or a store."""
    model: str = Field(default="bundled", min_length=1)
    """A Hugging Face id, a folder, or `bundled`."""
    adapter: str | None = Field(default=None, min_length=1)
    """Train this adapter on, instead of a new one."""
    skip_invalid: bool = False
    """Leave out lines with problems instead of stopping."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, xpu; auto takes the best there is."""
    quantize: Literal["4bit", "8bit"] | None = None
    """Hold the frozen weights in 4 or 8 bits (QLoRA), where CUDA is; needs the extra `qlora`."""
    threads: int = Field(default=0, ge=0)
    """Processor threads; 0 leaves it to torch. The last bits of a result depend on it."""


def written(settings: TrainSettings) -> dict[str, Any]:
    """`settings` for YAML: inputs first, files where they are found from any folder, no password."""
    values = settings.model_dump(mode="json")
    inputs = {name: values.pop(name) for name in settings.inputs}
    for name in settings.PLACES:
        inputs[name] = _place(inputs[name])
    return inputs | values


def _place(name: str | None) -> str | None:
    if name is None:
        return None
    if "://" in name:
        from sqlalchemy.engine import make_url

        return make_url(name).render_as_string(hide_password=True)
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else name
