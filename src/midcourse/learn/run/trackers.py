"""Trackers: TensorBoard, Weights & Biases, trackio and the others that transformers knows, through its own callbacks.

What they get, as `train/…` after every `log_every` steps and as `eval/…` after each look at held-out steers, has the
names of `metrics.json`; the training's numbers are means since the entry before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from midcourse.errors import ConfigError, Problem
from midcourse.learn.settings import TrainSettings
from midcourse.learn.tally import Tally

PROJECT = "midcourse"
PACKAGES = {
    "azure_ml": "azureml-core",
    "comet_ml": "comet-ml",
    "dvclive": "dvclive",
}  # where the name is not the package's


def check(names: Sequence[str]) -> None:
    """Raises `ConfigError` for every tracker that is unknown or not installed, before anything is started."""
    if not names:
        return
    from transformers.integrations import get_available_reporting_integrations
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    known, there = [*INTEGRATION_TO_CALLBACK, "all"], {*get_available_reporting_integrations(), "all"}
    problems = []
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
            problems.append(Problem("settings", f"unknown tracker {name!r}; {hint}", field="report_to"))
        elif name not in there:
            package = PACKAGES.get(name, name)
            problems.append(Problem("settings", f"{name} is not installed: pip install {package}", field="report_to"))
    if problems:
        raise ConfigError(problems)


def arguments(settings: TrainSettings, output: Path) -> dict[str, Any]:
    """The part of `TrainingArguments` that is about trackers."""
    if "wandb" in settings.report_to:
        os.environ.setdefault("WANDB_PROJECT", PROJECT)  # the callback has no other way to be told
    name = settings.run_name or output.resolve().name
    return {"report_to": settings.report_to or "none", "run_name": name, "project": PROJECT}


def name_runs(callbacks: Sequence[Any], settings: TrainSettings, output: Path) -> None:
    """TensorBoard calls a run by its folder: `OUTPUT/runs/NAME`, if there is a name."""
    from transformers.integrations import TensorBoardCallback

    for callback in callbacks:
        if isinstance(callback, TensorBoardCallback) and settings.run_name and callback.logging_dir is None:
            callback.logging_dir = str(output / "runs" / settings.run_name)


class Interval:
    """What was counted since the last entry, from sums that run over an epoch."""

    def __init__(self, tally: Tally, tokens: int, seconds: float) -> None:
        self.tally = _copy(tally)
        self.tokens, self.seconds = tokens, seconds

    def numbers(self, tally: Tally, tokens: int, seconds: float, *, compared: bool) -> dict[str, float]:
        """Means since the call before, or since the beginning."""
        counted = Tally(**{name: getattr(tally, name) - getattr(self.tally, name) for name in Tally.__slots__})
        speed = (tokens - self.tokens) / max(seconds - self.seconds, 1e-9)
        self.tally, self.tokens, self.seconds = _copy(tally), tokens, seconds
        means = counted.means(compared=compared)
        return {name: value for name, value in means.items() if value is not None} | {"tokens_per_second": speed}


def _copy(tally: Tally) -> Tally:
    return Tally(**{name: getattr(tally, name) for name in Tally.__slots__})
