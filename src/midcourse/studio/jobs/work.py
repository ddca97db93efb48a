"""What the jobs do: what the commands `train` and `measure` do, with the same settings and so the same results."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from midcourse.cli.recipes import carry_out
from midcourse.cli.sources import load_traces
from midcourse.learn.run.recipe import Recipe
from midcourse.learn.run.stop import Stop
from midcourse.store.jobs import Job
from midcourse.studio.jobs.folder import HELD_OUT, REPORT
from midcourse.studio.jobs.reporter import Reporter

Work = Callable[[Job, Path, Reporter, Stop], dict[str, Any]]


def train(job: Job, path: Path, reporter: Reporter, stop: Stop) -> dict[str, Any]:
    """Train as the job's recipe says, from its last checkpoint on if it has one. The metrics."""
    from midcourse.learn.run import checkpoints

    recipe = Recipe(**job.recipe)
    done = carry_out(recipe, path, nullcontext(reporter), nullcontext(stop), resume=checkpoints.last(path) is not None)
    return done.metrics


def measure(job: Job, path: Path, reporter: Reporter, stop: Stop) -> dict[str, Any]:  # noqa: ARG001 - it hears no wish
    """Measure the adapter of a run on what its training held out. The main numbers."""
    from midcourse import models
    from midcourse.measure import report
    from midcourse.measure.run import measure as run

    given = job.recipe

    def tell(what: str, done: int, total: int) -> None:
        reporter.point({"phase": what, "step": done, "steps": total})

    traces = load_traces(str(path / HELD_OUT), given["model"])
    if given["threads"]:
        import torch

        torch.set_num_threads(given["threads"])
    loaded = models.load(given["model"], adapter=given["adapter"], dtype="float32")
    measured = run(loaded, traces, progress=tell)
    measured.write(path / "measure.json")
    report.write(measured, path / REPORT, report.training_metrics(given["adapter"]))
    return measured.model_dump(mode="json", include={"before", "after", "drift", "counts", "timings"})


WORK: dict[str, Work] = {"train": train, "measure": measure}
