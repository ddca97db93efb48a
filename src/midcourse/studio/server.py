"""The server process: sockets first, then the page, then the model; and everything closed in order at the end.

The address answers as soon as it is printed: while the model is being loaded, with a page that says so and comes back
by itself. A port that is taken is found before anything is loaded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from midcourse.errors import UserError
from midcourse.studio import app, errors, security, services
from midcourse.studio.settings import StudioSettings, is_loopback

BACKLOG = 128
GRACE = 5  # seconds for open requests, after streams were told to end
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
            await HTMLResponse(LOADING, 503)(scope, receive, send)
        else:
            waiting = errors.response(503, "starting", "the model is being loaded; ask again in a second")
            waiting.headers["Retry-After"] = "1"
            await waiting(scope, receive, send)


def sockets(settings: StudioSettings) -> list[socket.socket]:
    """Sockets that listen at the host's addresses, at one port. Raises `UserError` where that is not possible."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {settings.host}: there is no such address on this machine ({error})") from None
    listening: list[socket.socket] = []
    port = settings.port
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            made = socket.create_server((address[0], port), family=family, backlog=BACKLOG)
        except OSError as error:
            for other in listening:
                other.close()
            raise UserError(
                f"cannot listen at {settings.host}:{port}: {error.strerror}; give another --port (0 takes a free one)"
            ) from None
        port = made.getsockname()[1]
        listening.append(made)
    return listening


def access(settings: StudioSettings, listening: Sequence[socket.socket]) -> security.Access:
    """Who may ask. Raises `UserError` where others than this machine could, and nobody has chosen a token."""
    addresses = [made.getsockname()[0] for made in listening]
    port = listening[0].getsockname()[1]
    token = settings.token.get_secret_value() if settings.token else None
    if token is None and settings.token_file is not None:
        token = _filed(settings.token_file)
    local = all(is_loopback(address) for address in addresses)
    if not local and token is None:
        raise UserError(
            f"--host {settings.host} lets other machines reach the studio; choose a secret of your own with "
            "--token-file or MIDCOURSE_TOKEN, or leave --host away"
        )
    names = {*settings.allow_host, "localhost"} if local else {*settings.allow_host}
    wild = any(ipaddress.ip_address(address.partition("%")[0]).is_unspecified for address in addresses)
    if wild and not settings.allow_host:
        raise UserError(
            f"--host {settings.host} listens everywhere; say with --allow-host under which name or address browsers "
            "will ask for it"
        )
    known = security.hosts([*addresses, *(("127.0.0.1", "::1") if local or wild else ())], names, port)
    return security.Access(token or secrets.token_urlsafe(24), known, port)


def _filed(path: Path) -> str:
    """The token in a file, made if it is not there. Raises `UserError` where others may read it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise UserError(f"{path}: others may read this secret; say `chmod 600 {path}`, and change it") from None
        token = path.read_text(encoding="utf-8").strip()
        return StudioSettings(token=token).token.get_secret_value()  # type: ignore[union-attr, arg-type]
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write((token := secrets.token_urlsafe(24)) + "\n")
    return token


def url(host: str, access_: security.Access, *, secret: bool) -> str:
    """The page's address."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{access_.port}/" + (f"?token={access_.token}" if secret else "")


class Server(uvicorn.Server):
    """uvicorn's server, with the guard at its door, and streams that end when it is asked to stop."""

    def __init__(self, access: security.Access) -> None:
        self.access = access
        self.door = Door()
        self.leaving: Callable[[], object] = lambda: None
        super().__init__(
            uvicorn.Config(
                security.Guard(self.door, access),
                http="h11",
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: first the streams, which would go on for ever."""
        self.leaving()
        await super().shutdown(sockets)


async def serve(
    server: Server,
    settings: StudioSettings,
    listening: list[socket.socket],
    say: services.Say,
    ready: Callable[[], object] = lambda: None,
) -> None:
    """Serve until a signal, or `server.should_exit`, asks to stop. `ready` is called when the model is there.

    Raises what opening the store and loading the model raise.
    """
    serving = asyncio.create_task(server.serve(sockets=listening))
    try:
        async with services.opened(settings, say) as opened:
            server.leaving = opened.leaving.set
            server.door.app = app.create(opened)
            ready()
            await serving
    finally:
        server.should_exit = True
        await serving
