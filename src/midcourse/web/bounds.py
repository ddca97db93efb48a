"""How much a request may send, in which form, and how long it may take to say it.

Invariant: a body that is too large is never held whole, whether it names its length or not, and a connection that says
nothing, or only a little now and then, is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import h11
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from midcourse.web.refusal import Refuse

BODY = 16 * 2**20  # bytes
BODY_IN = 60.0  # seconds from the headers to the end of the body
HEADERS_IN = 10.0  # seconds from a connection, or the first byte of a request, to the end of its headers
HEADERS = 64 * 2**10  # bytes
CONNECTIONS = 256


class Bounds:
    """ASGI: answers requests whose body is too large, too slow, or no JSON. `leaving` is set when the server ends.

    `large` are paths that take more than `BODY`, with how many bytes.
    """

    def __init__(
        self, app: ASGIApp, leaving: asyncio.Event, refuse: Refuse, large: Mapping[str, int] | None = None
    ) -> None:
        self.app = app
        self.leaving = leaving
        self.refuse = refuse
        self.large = large or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, most = Headers(scope=scope), self.large.get(scope["path"], BODY)
        if scope["method"] in ("POST", "PUT", "PATCH") and not _is_json(headers.getlist("content-type")):
            refused = self.refuse(415, "type", "the body should be JSON: Content-Type: application/json")
            await refused(scope, receive, send)
        elif int(headers.get("content-length", "0")) > most:  # h11 has checked that it is a number
            await self.refuse(413, "large", _too_large(most))(scope, receive, send)
        else:
            await self.app(scope, _bounded(receive, most, self.leaving), send)


def _bounded(receive: Receive, most: int, leaving: asyncio.Event) -> Receive:
    """`receive` that raises `HTTPException` where a body grows too large or comes too slowly."""
    size, deadline, complete = 0, asyncio.get_running_loop().time() + BODY_IN, False

    async def bounded() -> Message:
        nonlocal size, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await _unless(leaving, receive)
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive within {BODY_IN:.0f} seconds") from None
        size += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if size > most:
            raise HTTPException(413, _too_large(most))
        return message

    return bounded


async def _unless(leaving: asyncio.Event, receive: Receive) -> Message:
    """What is received next; raises `HTTPException` if the server ends before."""
    ending, coming = asyncio.ensure_future(leaving.wait()), asyncio.ensure_future(receive())
    try:
        await asyncio.wait((ending, coming), return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            raise HTTPException(503, "the server is ending")
        return coming.result()
    finally:
        ending.cancel()
        coming.cancel()


def _is_json(given: list[str]) -> bool:
    kind, _, parameters = given[0].partition(";") if len(given) == 1 else ("", "", "")
    said = parameters.strip().lower().replace('"', "")
    return kind.strip().lower() == "application/json" and said in ("", "charset=utf-8")


def _too_large(most: int) -> str:
    return f"the body is larger than {most // 2**20} MB"


class Connection(H11Protocol):
    """A connection that is closed when a request's headers do not arrive in time."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what has come; uvicorn's own timer runs only between requests."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._late is None:
            self._late = self.loop.call_later(HEADERS_IN, self._give_up)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self, *_: Any) -> None:
        self._late = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
