"""The server: everything between a socket and the application, and the order in which it begins and ends.

The address answers as soon as it is printed: while the model is being loaded, with a page that says so and comes back
by itself. At the end streams are told to end, then requests, and what they stand on is closed last.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType

import uvicorn
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from midcourse.studio import bounds, errors, services
from midcourse.studio.access import Access
from midcourse.studio.log import Logged
from midcourse.studio.security import Guard
from midcourse.studio.settings import StudioSettings

GRACE = 3  # seconds for open requests, after streams were told to end
LOADING = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" /><meta name="viewport" content="width=device-width" />
    <meta http-equiv="refresh" content="1" /><title>Midcourse</title>
  </head>
  <body><main><h1>The model is being loaded</h1><p>This page comes by itself.</p></main></body>
</html>
"""


class Door:
    """ASGI: the application as soon as there is one, and until then an honest answer."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["path"] == "/":
            await HTMLResponse(LOADING, 503, {"Retry-After": "1"})(scope, receive, send)
        else:
            waiting = errors.response(503, "starting", "the model is being loaded; ask again in a second")
            waiting.headers["Retry-After"] = "1"
            await waiting(scope, receive, send)


class Server(uvicorn.Server):
    """uvicorn's server with our guard and bounds. `signals` are those that asked it to stop."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.door = Door()
        self.leaving = asyncio.Event()
        self.signals: list[int] = []
        super().__init__(
            uvicorn.Config(
                Logged(Guard(bounds.Bounds(self.door, self.leaving), access)),
                http=bounds.Connection,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=bounds.HEADERS,
                limit_concurrency=bounds.CONNECTIONS,
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
    server: Server,
    settings: StudioSettings,
    listening: list[socket.socket],
    say: services.Say,
    ready: Callable[[], object] = lambda: None,
) -> None:
    """Serve until a signal, or `server.should_exit`, asks to stop. `ready` is called when the model is there.

    Raises what opening the store and loading the model raise. Where it is asked to stop meanwhile, `server.door.app`
    is None afterwards.
    """

    async def behind() -> None:
        async with services.opened(settings, say, server.leaving) as opened:
            app = await asyncio.to_thread(import_module, "midcourse.studio.app")  # with torch: after the address
            server.door.app = app.create(opened)
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
