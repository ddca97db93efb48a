"""The application: every router put together, errors in one shape, and the description of it all."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from midcourse import __version__
from midcourse.serve import errors
from midcourse.serve.routes import chat, completions, models
from midcourse.serve.schemas.replies import ErrorBody
from midcourse.serve.services import Services

READING = {
    401: "The API key is missing or wrong",
    403: "Asked for under another name, or from another page",
    404: "There is no such model",
    500: "Something went wrong in the server; its log says what",
    503: "The model is being loaded, or too much waits for it",
}
WRITING = {
    400: "Something in the request is wrong; `param` says what",
    408: "The request did not arrive in time",
    413: "Too large",
    415: "The body is not JSON",
}

EVENT = {  # of a stream, each of which the schema describes before OpenAPI 3.2
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string", "description": "a reply of which this is a part, as JSON, or [DONE]"}},
}


def create(services: Services) -> FastAPI:
    """The application on these services, without the guard before it."""
    app = FastAPI(
        title="Midcourse",
        version=__version__,
        description="An OpenAI-compatible API. Errors of every kind have one shape, `ErrorBody`.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    errors.install(app)
    for module in (models, chat, completions):
        app.include_router(module.router, responses={404: {"model": ErrorBody}})
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            for operations in made["paths"].values():
                for method, operation in operations.items():
                    _complete(operation, writes=method == "post")
            for theirs in ("HTTPValidationError", "ValidationError"):
                made["components"]["schemas"].pop(theirs, None)
            made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"key": []}]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], *, writes: bool) -> None:
    """Add what the server answers when it refuses or fails, and that an answer may be a stream."""
    responses = operation["responses"]
    responses.pop("422", None)
    if writes:
        responses["200"]["content"]["text/event-stream"] = {"schema": EVENT}
    for status, said in (READING | (WRITING if writes else {})).items():
        responses[str(status)] = {
            "description": said,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
        }
    operation["responses"] = dict(sorted(responses.items()))
