"""How a reply is sent: whole, or as server-sent events as it comes; and stopped where nobody listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from midcourse.errors import MidcourseError
from midcourse.serve import errors
from midcourse.serve.chat import ChatReply
from midcourse.serve.text import TextReply
from midcourse.serve.writers import Piece, Run

CLOSED = 499  # nobody reads it: the client has gone


async def whole(request: Request, reply: ChatReply | TextReply) -> Response:
    """The reply in one piece. The model stops when the client goes."""
    run = reply.run
    collecting = asyncio.ensure_future(_collected(run))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((collecting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not collecting.done():
            return Response(status_code=CLOSED)
        return JSONResponse(reply.whole(collecting.result()).model_dump(exclude_none=False))
    finally:
        run.stop()
        for task in (collecting, leaving):
            task.cancel()


async def _collected(run: Run) -> list[list[Piece]]:
    answers: list[list[Piece]] = [[] for _ in range(run.ask.count)]
    async for piece in run.pieces():
        answers[piece.answer].append(piece)
    return answers


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Streamed(StreamingResponse):
    """The reply as it comes; however the response ends, the model stops."""

    def __init__(self, reply: ChatReply | TextReply) -> None:
        super().__init__(_events(reply), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._run = reply.run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._run.stop()


async def _events(reply: ChatReply | TextReply) -> AsyncIterator[str]:
    for chunk in reply.begin():
        yield _event(chunk)
    try:
        async for piece in reply.run.pieces():
            for chunk in reply.chunks(piece):
                yield _event(chunk)
    except MidcourseError as error:
        yield _event(errors.view(error)[1])
        return
    if reply.with_usage:
        yield _event(reply.end())
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n"
