"""Jobs and their points as the page sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from midcourse.store.jobs import Job
from midcourse.studio.jobs import form
from midcourse.studio.jobs.folder import REPORT, STEERS
from midcourse.studio.schemas.jobs import JobView, Point

_NUMBERS = ("loss", "margin", "accuracy", "tokens_per_second", "seconds_left")
_COUNTS = ("step", "steps", "epoch", "epochs")


def view(job: Job) -> JobView:
    """A job and how far it is."""
    folder = Path(job.folder or "")
    over = job.state in ("stopped", "failed")
    return JobView(
        id=job.id,
        kind="measure" if job.kind == "measure" else "train",
        name=job.name,
        state=job.state,
        created=job.created,
        started=job.started,
        ended=job.ended,
        command=job.command,
        message=job.message,
        progress=None if job.latest is None else point(job.points - 1, job.latest),
        steers=job.steers,
        settings=settings(job),
        metrics=job.metrics,
        report=bool(job.folder) and (folder / REPORT).is_file(),
        resumable=over and bool(job.folder) and (folder / STEERS).is_file(),
    )


def settings(job: Job) -> dict[str, Any]:
    """What a person has chosen for a job, as far as it is not where files are."""
    return {name: value for name, value in job.recipe.items() if name not in form.OURS or name == "hold_out"}


def point(n: int, point: dict[str, Any]) -> Point:
    """One report."""
    numbers: dict[str, Any] = {name: point.get(name) for name in _NUMBERS}
    counts: dict[str, Any] = {name: point.get(name) or 0 for name in _COUNTS}
    held_out = cast("dict[str, float] | None", point.get("held_out"))
    return Point(n=n, phase=str(point.get("phase", "")), note=point.get("note"), held_out=held_out, **numbers, **counts)
