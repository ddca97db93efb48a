"""A training run to be killed: `python -m tests.learn.killed_run OUTPUT WHERE` stops for good at WHERE.

WHERE is `step-N` (after optimizer step N) or `checkpoint-N` (while checkpoint N is written, before it has its name).
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from midcourse.learn.run import checkpoints
from midcourse.learn.run.progress import Progress
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import TrainResult, train
from tests.learn import sample

SETTINGS = TrainSettings(
    objective="dpo + sft + 0.1*anchor",
    learning_rate=1e-2,
    dtype="float32",
    epochs=3,
    batch=2,
    lora_dropout=0.1,
    checkpoint_every=2,
    eval_every=3,
    metric="accuracy",
    seed=7,
)


def run(output: Path, *, resume: bool = False, settings: TrainSettings = SETTINGS, report: Any = None) -> TrainResult:
    """Five steps an epoch, so that checkpoints fall within epochs and on their ends."""
    options = {} if report is None else {"progress": report}
    held_out = [sample.trace(seed) for seed in (50, 51)]
    return train(sample.loaded(), sample.traces(10), settings, output, **options, resume=resume, held_out=held_out)


def _wait_for_death() -> None:
    (Path(sys.argv[1]) / "here").touch()
    time.sleep(600)


def _report(progress: Progress) -> None:
    if progress.phase == "train" and sys.argv[2] == f"step-{progress.step}":
        _wait_for_death()


def _replace(source: Any, target: Any, really: Any = os.replace) -> None:
    if Path(target).name == sys.argv[2]:
        _wait_for_death()
    really(source, target)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    checkpoints.os.replace = _replace  # type: ignore[attr-defined]
    run(Path(sys.argv[1]), report=_report)
