"""An epoch of Midcourse: the real `train`, with all that it does before and after.

Of two epochs the second counts: in the first one, memory is touched for the first time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.training import machine, work
from benchmarks.training.pairs import Shape, traces

from midcourse import models
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train

LONG = 4096  # tokens; the default of max_tokens
PROBES = 5  # measurements of the matrix products' speed, before and after


def settings(shape: Shape, dtype: str, epochs: int = 2) -> TrainSettings:
    """One optimizer step an epoch, over all pairs; everything else as it comes.

    But for a trace that is larger than a pack usually is: cut into pieces it would cost its context several times.
    """
    given = {"objective": "dpo", "beta": 0.1, "epochs": epochs, "dtype": dtype, "batch": shape.traces}
    if shape.length >= LONG:
        given["max_tokens"] = 2 * LONG
    return TrainSettings.model_validate(given)


def measure(model: str, shape: Shape, dtype: str) -> dict[str, Any]:
    """Seconds of the second epoch and of the reference pass, peak memory, and the operations that the epoch needs."""
    loaded = models.load(model, dtype="float32")
    made = traces(shape, loaded.model.config.get_text_config().vocab_size)
    products, before = machine.Products(loaded.model, dtype), machine.resident_bytes()
    for _ in range(PROBES):
        products()
    with tempfile.TemporaryDirectory() as folder:
        metrics = train(loaded, made, settings(shape, dtype), Path(folder)).metrics
    for _ in range(PROBES):
        products()
    return {
        "epoch_seconds": metrics["epochs"][1]["seconds"],
        "first_epoch_seconds": metrics["epochs"][0]["seconds"],
        "reference_seconds": metrics["seconds"]["reference"],
        "check_seconds": metrics["seconds"].get("check", 0.0),
        "tokens": metrics["tokens"],
        "loss": metrics["epochs"][0]["loss"],
        "loaded_bytes": before,
        "peak_bytes": machine.peak_bytes(),
        "product_rate": products.rate,
        "operations": work.needed(loaded.model, made),
    }
