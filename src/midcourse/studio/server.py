"""The studio's server: its guard, its page while the model is being loaded, and what it opens behind them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from midcourse.studio import errors, services
from midcourse.studio.access import Access
from midcourse.studio.security import Guard
from midcourse.studio.settings import StudioSettings
from midcourse.web import server
from midcourse.web.bounds import Bounds

LARGE = {"/api/import": 128 * 2**20}
LOADING = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" /><meta name="viewport" content="width=device-width" />
    <meta http-equiv="refresh" content="1" /><title>Midcourse</title>
  </head>
  <body><main><h1>The model is being loaded</h1><p>This page comes by itself.</p></main></body>
</html>
"""


class Server(server.Server):
    """The studio's server for those who may ask."""

    def __init__(self, access: Access) -> None:
        super().__init__(
            lambda app: Guard(app, access),
            errors.response,
            page=_loading,
            bounds=lambda app, leaving: Bounds(app, leaving, errors.response, LARGE),
        )


def _loading() -> Response:
    return HTMLResponse(LOADING, 503, {"Retry-After": "1"})


async def serve(
    server_: Server,
    settings: StudioSettings,
    listening: list[socket.socket],
    say: services.Say,
    ready: Callable[[], object] = lambda: None,
) -> None:
    """Serve until a signal, or `should_exit`, asks to stop; see `web.server.serve`."""
    await server.serve(server_, listening, opened(server_, settings, say), ready)


def opened(server_: Server, settings: StudioSettings, say: services.Say) -> server.Opened:
    """What opens the store, loads the model, and makes the application of them."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[ASGIApp]:
        async with services.opened(settings, say, server_.leaving) as found:
            app = await asyncio.to_thread(import_module, "midcourse.studio.app")  # with torch: after the address
            yield app.create(found)

    return opening
