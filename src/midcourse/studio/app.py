"""The application: every router put together, and errors in one shape."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from midcourse import __version__
from midcourse.studio import errors, openapi
from midcourse.studio.routes import (
    commands,
    compare,
    data,
    events,
    jobs,
    models,
    page,
    preferences,
    steers,
    traces,
)
from midcourse.studio.schemas.base import ErrorBody
from midcourse.studio.services import Services

API = (traces, commands, events, steers, data, jobs, models, compare, preferences)


def create(services: Services) -> FastAPI:
    """The studio's application on these services, without the guard that `security` puts before it."""
    app = FastAPI(
        title="Midcourse studio",
        version=__version__,
        description="What the studio's page asks for. Errors of every kind have one shape, `ErrorBody`.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    errors.install(app)
    for module in API:
        app.include_router(module.router, prefix="/api", responses={422: {"model": ErrorBody}})
    app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=page.STATIC), name="static")
    openapi.describe(app)
    return app
