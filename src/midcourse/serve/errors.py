"""Errors in the shape that clients of OpenAI's API expect: what went wrong, its kind, the parameter, a code.

Raise an exception of `midcourse.errors`, or one of those below; routes build no error responses of their own.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from midcourse.errors import BusyError, ContextError, MidcourseError, ProblemsError, UserError

log = logging.getLogger("midcourse.serve")


class RequestError(UserError):
    """A request that cannot be served: `param` is the field that is wrong, `code` a word for programs."""

    status = 400

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class UnknownModelError(RequestError):
    """There is no model of this name."""

    status = 404


class FailedError(MidcourseError):
    """The model has failed in the middle of an answer."""


_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
_CODES = {401: "invalid_api_key"}
_SAID = {404: "there is nothing here; the API begins with /v1", 405: "this cannot be done here"}
FAILED = "something went wrong in the server; its log says what"
BUSY = "1"  # seconds after which to try again


def body(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kind = "server_error" if status >= 500 else _KINDS.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": _CODES.get(status, code)}}


def response(status: int, code: str | None, message: str, param: str | None = None) -> JSONResponse:
    """The response of an error."""
    made = JSONResponse(body(status, message, code, param), status)
    if status == 503:
        made.headers["Retry-After"] = BUSY
    return made


def view(error: MidcourseError) -> tuple[int, dict[str, Any]]:
    """Status and body of an error of ours."""
    message = str(error)
    if isinstance(error, RequestError):
        return error.status, body(error.status, message, error.code, error.param)
    if isinstance(error, ContextError):
        return 400, body(400, message, "context_length_exceeded")
    if isinstance(error, BusyError):
        return 503, body(503, message, "busy")
    if isinstance(error, ProblemsError):
        return 400, body(400, message, None, error.problems[0].where)
    if isinstance(error, UserError):
        return 400, body(400, message)
    return 500, body(500, message)


def install(app: FastAPI) -> None:
    """Give every error of `app` the one shape."""

    @app.exception_handler(MidcourseError)
    async def ours(_: Request, error: MidcourseError) -> Response:
        status, said = view(error)
        if status == 500:
            log.error("%s", error)
        return JSONResponse(said, status, {"Retry-After": BUSY} if status == 503 else None)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        found = [
            (".".join(map(str, item["loc"][1:])), item["msg"].removeprefix("Value error, "))
            if item["type"] != "json_invalid"
            else ("", f"the body is not valid JSON: {item.get('ctx', {}).get('error', item['msg'])}")
            for item in error.errors()[:20]
        ]
        message = "; ".join(dict.fromkeys(f"{name}: {why}" if name else why for name, why in found))
        return response(400, None, message, found[0][0] or None)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        made = response(error.status_code, None, _SAID.get(error.status_code) or str(error.detail))
        made.headers.update(error.headers or {})
        return made

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:  # uvicorn logs it
        return response(500, None, FAILED)
