"""The API's description: every operation with its errors, and how a client says who it is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from midcourse.studio import errors

READING = (401, 403, 500, 503)
CHANGING = (400, 404, 408, 409, 413, 415, 422, 507)


def describe(app: FastAPI) -> None:
    """Let `app` describe itself so; made once, when it is first asked for."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            for path, operations in made["paths"].items():
                for method, operation in operations.items():
                    _complete(operation, path, method)
            _identify(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], path: str, method: str) -> None:
    """Add what the server answers when it refuses or fails."""
    found = [*READING]
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
    found += [404, 422] if parameters else []
    found += [400, 409] if "version" in parameters or path == "/api/export" else []
    found += CHANGING if method != "get" else ()
    responses = operation["responses"]
    for status in sorted(set(found)):
        responses[str(status)] = {
            "description": errors.WORDS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
        }
    operation["responses"] = dict(sorted(responses.items()))


def _identify(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    for theirs in ("HTTPValidationError", "ValidationError"):
        schemas.pop(theirs, None)
    made["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "The token that the studio was started with."}
    }
    made["security"] = [{"token": []}]
