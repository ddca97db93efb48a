"""The one shape of every error: which status and code an exception becomes.

Raise an exception of `midcourse.errors`, or one of those below; routes build no error responses of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from midcourse.errors import (
    BusyError,
    ContextError,
    DiskError,
    EndpointError,
    MidcourseError,
    ModelError,
    Problem,
    ProblemsError,
    SteerError,
    StoreError,
    UserError,
)
from midcourse.studio.schemas.base import ErrorBody, ErrorView, ProblemView

log = logging.getLogger("midcourse.studio")


class RefusedError(MidcourseError):
    """A request that cannot be served as things are; `status` and `code` say which kind."""

    status = 409
    code = "refused"


class MissingError(RefusedError):
    """There is no such thing."""

    status, code = 404, "missing"


class StaleError(RefusedError):
    """The command was meant for another version than there is by now."""

    status, code = 409, "stale"


_KINDS: tuple[tuple[type[MidcourseError], int, str], ...] = (  # the first that fits
    (BusyError, 409, "busy"),
    (SteerError, 400, "steer"),
    (ProblemsError, 422, "input"),
    (ModelError, 409, "model"),
    (ContextError, 422, "context"),
    (StoreError, 503, "store"),
    (DiskError, 507, "disk"),
    (EndpointError, 503, "endpoint"),
    (UserError, 422, "input"),
    (MidcourseError, 500, "failed"),
)
_CODES = {400: "input", 401: "unauthorised", 403: "forbidden", 404: "missing", 405: "method", 408: "slow"}
_CODES |= {413: "large", 415: "type", 422: "input", 503: "starting"}
_SAID = {
    404: "there is nothing here",
    405: "this cannot be done here",
    500: "something went wrong in the studio; its log says what",
}


def body(code: str, message: str, problems: Sequence[ProblemView] = ()) -> ErrorBody:
    """The body of an error."""
    return ErrorBody(error=ErrorView(code=code, message=message, problems=list(problems)))


def response(status: int, code: str, message: str, problems: Sequence[ProblemView] = ()) -> JSONResponse:
    """The response of an error."""
    return JSONResponse(body(code, message, problems).model_dump(), status)


def problem(found: Problem) -> ProblemView:
    """A problem of ours, for the page."""
    return ProblemView(message=found.message, where=found.where, line=found.line, field=found.field)


def view(error: MidcourseError) -> tuple[int, ErrorBody]:
    """Status and body of an error of ours."""
    if isinstance(error, RefusedError):
        return error.status, body(error.code, str(error))
    status, code = next((status, code) for kind, status, code in _KINDS if isinstance(error, kind))
    problems = [problem(found) for found in error.problems] if isinstance(error, ProblemsError) else []
    return status, body(code, str(error), problems)


WORDS = {
    400: "The steer says nothing, or does not fit its answer",
    401: "The token is missing or wrong",
    403: "Asked for under another name, or from another page",
    404: "There is no such thing",
    408: "The request did not arrive in time",
    409: "Meant for another version, or something else has to end before",
    413: "Too large",
    415: "The body is not JSON",
    422: "Something in the request is wrong; all problems are named",
    500: "Something went wrong in the studio; its log says what",
    503: "The store or the endpoint cannot be reached, or the model is being loaded",
    507: "The disk is full",
}


def install(app: FastAPI) -> None:
    """Give every error of `app` the one shape."""

    @app.exception_handler(MidcourseError)
    async def ours(_: Request, error: MidcourseError) -> Response:
        status, said = view(error)
        if status >= 500:
            log.error("%s", error)
        return JSONResponse(said.model_dump(), status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        problems = [
            ProblemView(
                message=item["msg"], field=".".join(map(str, item["loc"][1:])) or None, where=str(item["loc"][0])
            )
            for item in error.errors()[:100]
        ]
        first = problems[0]
        message = f"{first.field}: {first.message}" if first.field else first.message
        return response(422, "input", message, problems)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        status = error.status_code
        made = response(status, _CODES.get(status, "failed"), _SAID.get(status) or str(error.detail))
        made.headers.update(error.headers or {})
        return made

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:  # uvicorn logs it
        return response(500, "failed", _SAID[500])
