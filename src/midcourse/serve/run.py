"""One run of the API server in this process, from its sockets to its exit code."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from starlette.types import ASGIApp

from midcourse.serve import errors, services
from midcourse.serve.settings import ServeSettings
from midcourse.web import listen, secret, server
from midcourse.web.guard import Access, Guard

GIVE = "--api-key-file or MIDCOURSE_API_KEY"
OPEN = frozenset({"/health"})


def run(settings: ServeSettings, say: services.Say) -> int:
    """Serve until Ctrl-C (which is 130) or SIGTERM (which is 0).

    Raises `UserError`, before anything is loaded, where it cannot listen or an adapter is none.
    """
    os.environ.pop("MIDCOURSE_API_KEY", None)  # children have no need of it
    from midcourse.serve.names import adapters

    given = adapters(settings.adapter, settings.name or settings.model)
    listening = listen.sockets(settings)
    try:
        access = granted(settings, listening)
    except BaseException:
        listen.close(listening)
        raise
    say(f"the API: {listen.url(settings, access.port)}v1")
    if access.token is None:
        say("no API key is set: every program on this machine may use it")
    say(f"loading {settings.model}; Ctrl-C ends the server")
    serving = made(access)
    return server.run(
        serving,
        listening,
        opened(serving, settings, given, say),
        lambda: say("ready"),
        end=lambda: say("the server has ended"),
    )


def granted(settings: ServeSettings, listening: Sequence[socket.socket]) -> Access:
    """Who may ask. Raises `UserError` where other machines could, and nobody has chosen a good key."""
    key = secret.chosen(settings.api_key, settings.api_key_file, "key")
    known = listen.names(settings, listening, key, what="the model", give=GIVE)
    return Access(key, known, listen.port(listening))


def made(access: Access) -> server.Server:
    """The server for those who may ask."""
    return server.Server(lambda app: Guard(app, access, errors.response, open=OPEN), errors.response)


def opened(serving: server.Server, settings: ServeSettings, given: dict[str, str], say: services.Say) -> server.Opened:
    """What loads the model and makes the application of it."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[ASGIApp]:
        async with services.opened(settings, given, say, serving.leaving) as found:
            app = await asyncio.to_thread(import_module, "midcourse.serve.app")  # with torch: after the address
            yield app.create(found)

    return opening
