"""What the log says: a line for each request that changes something or fails, and what went wrong with its traceback.

Invariant: no line holds a secret (a query is never logged, and secrets are blotted out wherever they turn up) and no
request can begin a line of its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from anyio import BrokenResourceError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from midcourse.web.refusal import Refuse

log = logging.getLogger("midcourse.web")


class Logged:
    """ASGI: a line for each request to `app` that is worth one."""

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self.app = app
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, heard)
        except ExceptionGroup as group:  # a stream that nobody listens to any more cannot say its next event
            if not status or group.split(BrokenResourceError)[1] is not None:
                raise
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            if not status:
                await self.refuse(503, "starting", "the server is ending")(scope, receive, heard)
        finally:
            if scope["method"] not in ("GET", "HEAD") or status >= 400:
                path = scope["path"].encode("unicode_escape").decode()[:200]
                took = 1000 * (time.perf_counter() - began)
                log.info("%s %s %d %.0f ms", scope["method"][:20], path, status, took)


class _Blotted(logging.Formatter):
    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")
        self._secrets = [secret for secret in secrets if secret]

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line


@contextmanager
def to_stderr(secrets: Collection[str]) -> Iterator[None]:
    """Write our log, and what uvicorn warns of, to standard error for as long as this lasts."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Blotted(secrets))
    levels = {"midcourse": logging.INFO, "uvicorn.error": logging.WARNING, "asyncio": logging.WARNING}
    before = {}
    for name, level in levels.items():
        logger = logging.getLogger(name)
        before[name] = (logger.level, logger.propagate)
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
    try:
        yield
    finally:
        for name, (level, propagate) in before.items():
            logger = logging.getLogger(name)
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
