"""A tiny model with dials, rows to bootstrap it on, and a predictor that counts; as a program, a run of it.

    python -m tests.attributes.bootstrap.toy BASE DIALS OUTPUT [PHASE NUMBER]

kills itself at the NUMBER-th report of PHASE.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from midcourse import models
from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
from midcourse.attributes.bootstrap.run import bootstrap
from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Attribute, Schema
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.attributes.train.run import train
from midcourse.learn.run.progress import Progress, Report, silent

SCHEMA = Schema(
    name="toy", attributes=(Attribute(name="cheer", better="higher"), Attribute(name="length", better="neither"))
)
BIRDS = ("bird", "crow", "gull", "owl", "swan", "wren", "duck", "kite", "lark", "rook", "tern", "stork")


def _row(bird: str, cheer: int, said: int) -> Row:
    """`cheer` is what it is rated, `said` what it is: somebody has mixed up the labels."""
    turns = (
        Turn("user", f"name a {bird}"),
        Turn("assistant", "very" + "!" * said, {"cheer": Rating(cheer), "length": Rating(1)}),
    )
    return Row(turns, f"{bird}-{said}", group_of(turns))


ROWS = [_row(bird, (2 * number + place) % 5, number) for place, bird in enumerate(BIRDS[:8]) for number in range(5)]
HELD_OUT = [_row(bird, 1, 1) for bird in BIRDS[8:]]
RECIPE = BootstrapRecipe(
    rounds=1, samples=6, kept=2, answer_tokens=12, measured=8, epochs=8, batch=4, learning_rate=5e-3, warmup=0.0,
    checkpoint_every=2, temperature=1.0, top_p=0.9, replay=0.0, vary=False, dropout=0.0, drop_each=0.0,
    dtype="float32",
)  # fmt: skip


class Counting:
    """Rates cheer by exclamation marks, as it should be, and length by words."""

    attributes = SCHEMA

    def __init__(self, name: str = "counting", source: str = "") -> None:
        self.name, self.source = name, source

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        texts = [str(one[-1]["content"]) for one in conversations]
        return [
            Prediction({"cheer": float(text.count("!")), "length": float(len(text.split()))}, {"cheer": 0.1})
            for text in texts
        ]


def dials(base: Path, folder: Path) -> Path:
    """An adapter that has learned to answer, and to be told what was rated."""
    recipe = ConditionedRecipe(
        epochs=10, batch=4, learning_rate=1e-2, lora_rank=16, dropout=0.0, drop_each=0.2, dtype="float32"
    )
    train(models.load(str(base), dtype="float32"), ROWS, SCHEMA, recipe, folder)
    return folder


def run(base: Path, adapter: Path, output: Path, progress: Report = silent, **changes: Any) -> dict[str, Any]:
    predictor = changes.pop("predictor", None) or Counting()
    judge = changes.pop("judge", None) or Counting("another")
    recipe = RECIPE.model_copy(update={"adapter": str(adapter), **changes})
    return bootstrap(
        lambda place: models.load(str(base), adapter=place, dtype="float32"),
        predictor, ROWS, HELD_OUT, recipe, output, progress, judge=judge,
    )  # fmt: skip


def main(base: str, adapter: str, output: str, phase: str = "", number: str = "0") -> None:
    seen = 0

    def report(progress: Progress) -> None:
        nonlocal seen
        seen += progress.phase == phase
        if seen == int(number) and progress.phase == phase:
            os.kill(os.getpid(), signal.SIGKILL)

    run(Path(base), Path(adapter), Path(output), report)


if __name__ == "__main__":
    main(*sys.argv[1:])
