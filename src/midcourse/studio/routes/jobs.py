"""Training and measuring: settings, plan, start, look, stop, resume."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import FileResponse, Response

from midcourse.studio.jobs import form, views
from midcourse.studio.schemas.base import Given
from midcourse.studio.schemas.jobs import (
    JobDetail,
    JobId,
    JobPage,
    JobView,
    NewMeasurement,
    NewTraining,
    Plan,
    Setting,
)
from midcourse.studio.services import Has

router = APIRouter(tags=["jobs"])
MOST = 5000  # points in one answer
# The report comes from a model's text: it may run its own scripts, and reach nothing, not even the studio's cookies.
POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


class Nothing(Given):
    """No settings."""


@router.get("/train/settings", summary="What can be set about a training")
def train_settings() -> list[Setting]:
    """A form, topic by topic."""
    return form.settings()


@router.post("/train/plan", summary="What a training would be")
def plan_training(services: Has, new: NewTraining) -> Plan:
    """Command line, counts, and all that stands against it; nothing is changed."""
    return services.jobs.plan(new).view


@router.post("/jobs/train", status_code=201, summary="Train on steers")
def train(services: Has, new: NewTraining) -> JobView:
    """In a process of its own, one after the other. All problems are named before anything is started."""
    return views.view(services.jobs.train(new))


@router.post("/jobs/measure", status_code=201, summary="Measure an adapter")
def measure(services: Has, new: NewMeasurement) -> JobView:
    """On the steers that its training held out."""
    return views.view(services.jobs.measure(new.adapter))


@router.get("/jobs", summary="All jobs, the newest first")
def list_jobs(services: Has) -> JobPage:
    """Each with how far it is."""
    return JobPage(rows=[views.view(job) for job in services.store.jobs.all()])


@router.get("/jobs/{id}", summary="A job and what it has reported")
def get_job(services: Has, id: JobId, after: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> JobDetail:
    """Its points from number `after` on, some thousands at a time; `next` is the `after` to go on with."""
    job = services.jobs.get(id)
    points = [views.point(n, point) for n, point in services.store.jobs.points(id, after=after, limit=MOST)]
    return JobDetail(job=views.view(job), points=points, next=points[-1].n + 1 if points else min(after, job.points))


@router.post("/jobs/{id}/stop", summary="Stop a job")
def stop(services: Has, id: JobId, nothing: Nothing) -> JobView:  # noqa: ARG001 - a body says that it is meant
    """After the step that it is at, with a checkpoint; asked a second time, at once."""
    return views.view(services.jobs.stop(id))


@router.post("/jobs/{id}/resume", summary="Let a job go on")
def resume(services: Has, id: JobId, nothing: Nothing) -> JobView:  # noqa: ARG001
    """From its last checkpoint, to the weights that an uninterrupted run reaches."""
    return views.view(services.jobs.resume(id))


@router.get(
    "/jobs/{id}/report",
    summary="The report of a measurement",
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
def report(services: Has, id: JobId) -> Response:
    """A page of its own, which can reach nothing of the studio."""
    found = services.jobs.report(id)
    return FileResponse(found, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})
