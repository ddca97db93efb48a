"""The log says what happened, once, and nothing that belongs to others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from anyio import BrokenResourceError
from starlette.types import Message, Receive, Scope, Send

from midcourse.studio import errors
from midcourse.web import log
from tests.studio.running import Running
from tests.waiting import PATIENCE

STREAM = {"type": "http", "method": "GET", "path": "/api/events"}

BEGUN: Message = {"type": "http.response.start", "status": 200, "headers": []}


def answered(app: Callable[[Scope, Receive, Send], Awaitable[None]], scope: dict[str, Any]) -> list[Message]:
    """What `app` says."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(log.Logged(app, errors.response)(scope, receive, send))
    return sent


def test_a_tab_that_is_closed_is_no_failure() -> None:
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send(BEGUN)
        raise ExceptionGroup("a stream", [BrokenResourceError()])

    assert answered(stream, STREAM) == [BEGUN]


def test_other_failures_are() -> None:
    async def unheard(scope: Scope, receive: Receive, send: Send) -> None:
        raise ExceptionGroup("a stream", [BrokenResourceError()])

    async def mixed(scope: Scope, receive: Receive, send: Send) -> None:
        await send(BEGUN)
        raise ExceptionGroup("a stream", [BrokenResourceError(), ValueError()])

    for app in (unheard, mixed):
        with pytest.raises(ExceptionGroup):
            answered(app, STREAM)


def test_a_request_that_is_given_up_is_answered() -> None:
    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async def begun(scope: Scope, receive: Receive, send: Send) -> None:
        await send(BEGUN)
        raise asyncio.CancelledError

    assert answered(cancelled, STREAM)[0]["status"] == 503
    assert answered(begun, STREAM) == [BEGUN]


def test_a_line_for_what_changes_or_fails(studio: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "midcourse.web"):
        studio.client.get("/api/preferences")
        studio.client.get("/api/nothing%0d%0aforged%1b[31m?token=secret")
        studio.client.put("/api/preferences", json={"author": "me"})
        studio.client.get("/api/preferences")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(" ms")[0].rpartition(" ")[0] for line in lines] == [
        "GET /api/nothing\\r\\nforged\\x1b[31m 404",
        "PUT /api/preferences 200",
    ]


def test_a_failure_says_nothing_secret(studio: Running, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ValueError("the password is hunter2")

    app: Any = studio.server.door.app
    app.add_api_route("/api/broken", broken)
    answer = studio.client.get("/api/broken")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "failed"
    assert "hunter2" not in answer.text
    httpx.get(f"{studio.url}/api/preferences", trust_env=False, timeout=PATIENCE)  # the line comes after the answer
    assert "hunter2" in caplog.text


def test_secrets_are_blotted_out_wherever_they_turn_up(capsys: pytest.CaptureFixture[str]) -> None:
    with log.to_stderr(["hunter2", ""]):
        try:
            raise ValueError("hunter2")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("with hunter2 in %s", "hunter2")
    said = capsys.readouterr().err
    assert "ValueError: …" in said
    assert "hunter2" not in said
