"""What `metrics.json` says of a run."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from midcourse.learn import supervision
from midcourse.learn.compute import rows
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout

if TYPE_CHECKING:
    from midcourse.learn.trainer import SteerTrainer
    from midcourse.models.loaded import Loaded


def metrics(
    trainer: SteerTrainer,
    loaded: Loaded,
    examples: Sequence[Example],
    layouts: Sequence[Layout],
    dtype: torch.dtype,
    seconds: Mapping[str, float],
    notices: Sequence[str],
) -> dict[str, Any]:
    """Counts, speed, memory and every epoch of a finished run; `seconds` by part, `layouts` one an example."""
    epochs, settings = trainer.course.history, trainer.settings
    done = trainer.state.global_step / len(trainer.steps)  # a run may be stopped early, within an epoch
    return {
        "seconds_per_epoch": sum(epoch["seconds"] for epoch in epochs) / done,
        "steers": supervision.steers(examples),
        "traces": len({example.number for example in examples}),
        "tokens": round(sum(epoch["tokens"] for epoch in epochs) / done),
        "tokens_row_by_row": sum(map(rows.size, layouts)),
        "peak_memory_bytes": trainer.everyone.most(peak_memory(trainer.network.device)),
        "dtype": str(dtype).removeprefix("torch."),
        "device": str(trainer.network.device),
        "processes": trainer.everyone.count,
        "way": trainer.network.way,
        "steps": trainer.state.global_step,
        "seconds": dict(seconds),
        "epochs": epochs,
        "held_out": trainer.held_out.metrics() if trainer.held_out else None,
        "displacement": trainer.displacement.metrics(),
        "objective": settings.objective,
        "loss_per": settings.per or None,
        "model": loaded.name,
        "settings": settings.model_dump(mode="json"),
        "notices": list(notices),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of Python and the packages that decide what a run computes."""
    packages = ("torch", "transformers", "peft", "accelerate")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def peak_memory(device: torch.device) -> int:
    """The most bytes that were in use so far: on a CUDA device there, elsewhere by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
