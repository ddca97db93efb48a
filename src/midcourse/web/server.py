"""A server: everything between a socket and the application, and the order in which it begins and ends.

The address answers as soon as it is printed: while the model is being loaded, with a word that says so. At the end
streams are told to end, then requests, and what they stand on is closed last.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from types import FrameType

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from midcourse.web import log
from midcourse.web.bounds import CONNECTIONS, HEADERS, Bounds, Connection
from midcourse.web.guard import Access, Guard
from midcourse.web.refusal import Refuse

GRACE = 3  # seconds for open requests, after streams were told to end
INTERRUPTED = 130

Opened = Callable[[], AbstractAsyncContextManager[ASGIApp]]
"""What opens an application and all that it stands on, and closes it again."""


class Door:
    """ASGI: the application as soon as there is one, and until then an honest answer, for `/` a `page` if there is."""

    def __init__(self, refuse: Refuse, page: Callable[[], Response] | None = None) -> None:
        self.app: ASGIApp | None = None
        self._refuse = refuse
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["path"] == "/" and self._page is not None:
            await self._page()(scope, receive, send)
        else:
            waiting = self._refuse(503, "starting", "the model is being loaded; ask again in a second")
            waiting.headers["Retry-After"] = "1"
            await waiting(scope, receive, send)


class Server(uvicorn.Server):
    """uvicorn's server with our bounds and a guard. `signals` are those that asked it to stop."""

    def __init__(
        self,
        guard: Callable[[ASGIApp], Guard],
        refuse: Refuse,
        *,
        page: Callable[[], Response] | None = None,
        bounds: Callable[[ASGIApp, asyncio.Event], Bounds] | None = None,
    ) -> None:
        self.door = Door(refuse, page)
        self.leaving = asyncio.Event()
        self.signals: list[int] = []
        bounded = bounds(self.door, self.leaving) if bounds else Bounds(self.door, self.leaving, refuse)
        guarded = guard(bounded)
        self.access: Access = guarded.access
        super().__init__(
            uvicorn.Config(
                log.Logged(guarded, refuse),
                http=Connection,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=HEADERS,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=GRACE,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: first the streams, which would go on for ever."""
        self.leaving.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: `heard` does it, for longer, and nobody needs to hear them again."""
        yield

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM ask the server to stop for as long as this lasts."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first asks to stop, the second not to wait for requests, the third leaves at once."""
        self.signals.append(sig)
        if len(self.signals) > 2:
            raise KeyboardInterrupt
        super().handle_exit(sig, frame)


async def serve(
    server: Server, listening: list[socket.socket], opened: Opened, ready: Callable[[], object] = lambda: None
) -> None:
    """Serve until a signal, or `server.should_exit`, asks to stop. `ready` is called when the application is there.

    Raises what opening it raises. Where it is asked to stop meanwhile, `server.door.app` is None afterwards.
    """

    async def behind() -> None:
        async with opened() as app:
            server.door.app = app
            ready()
            await serving

    serving = asyncio.create_task(server.serve(sockets=listening))
    working = asyncio.create_task(behind())
    await asyncio.wait((serving, working), return_when=asyncio.FIRST_COMPLETED)
    if server.door.app is None:  # it failed, or is not wanted any more
        working.cancel()
    server.should_exit = True
    await serving
    with suppress(asyncio.CancelledError):
        await working


def run(
    server: Server,
    listening: list[socket.socket],
    opened: Opened,
    ready: Callable[[], object],
    *,
    end: Callable[[], object],
) -> int:
    """Serve in this process until Ctrl-C (which is 130) or SIGTERM (which is 0); `end` is called at the end."""
    secrets = [] if server.access.token is None else [server.access.token]
    with server.heard(), log.to_stderr(secrets):
        asyncio.run(serve(server, listening, opened, ready))
    code = INTERRUPTED if signal.SIGINT in server.signals else 0
    if server.door.app is None:  # the thread that loads the model cannot be stopped, and has nothing to lose
        sys.stderr.flush()
        os._exit(code)
    end()
    return code
