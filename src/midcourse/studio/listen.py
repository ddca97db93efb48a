"""Where the studio listens, and under which names; decided before anything is loaded."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence

from midcourse.errors import UserError
from midcourse.studio import access
from midcourse.studio.access import Access
from midcourse.studio.settings import StudioSettings

BACKLOG = 128
ENOUGH = 16  # characters of a token that other machines may try


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
            made = socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)
        except OSError as error:
            close(listening)
            raise UserError(
                f"cannot listen at {settings.host}, port {port}: {os.strerror(error.errno or 0)}; "
                "give another --port (0 takes a free one)"
            ) from None
        # Inherited by every connection: otherwise a small answer after its headers, and each token, waits up to 40 ms.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = made.getsockname()[1]
        listening.append(made)
    return listening


def close(listening: Sequence[socket.socket]) -> None:
    """Close sockets."""
    for made in listening:
        made.close()


def granted(settings: StudioSettings, listening: Sequence[socket.socket]) -> Access:
    """Who may ask. Raises `UserError` where other machines could, and nobody has chosen a good token."""
    addresses = [ipaddress.ip_address(made.getsockname()[0].partition("%")[0]) for made in listening]
    port = listening[0].getsockname()[1]
    token = access.chosen(settings)
    local = all(address.is_loopback for address in addresses)
    everywhere = any(address.is_unspecified for address in addresses)
    if not local and (token is None or len(token) < ENOUGH):
        raise UserError(
            f"--host {settings.host} lets other machines reach the studio; choose a secret of {ENOUGH} characters or "
            "more with --token-file or MIDCOURSE_TOKEN, or leave --host away"
        )
    if everywhere and not settings.allow_host:
        raise UserError(
            f"--host {settings.host} listens everywhere; say with --allow-host under which name or address browsers "
            "will ask for it"
        )
    names = {str(address) for address in addresses if not address.is_unspecified}
    if local or everywhere:
        names |= {"127.0.0.1", "::1", "localhost"}
    known = access.hosts(names, settings.allow_host, port)
    return Access(token or secrets.token_urlsafe(24), access.key(token), known, port)


def url(settings: StudioSettings, port: int, secret: str | None = None) -> str:
    """The page's address, with the token or a ticket that opens it."""
    name = settings.allow_host[0] if settings.allow_host else settings.host
    if ":" in name and not name.startswith("[") and name == settings.host:
        name = f"[{name}]"
    if not name.rpartition(":")[2].isdigit():
        name = f"{name}:{port}"
    return f"http://{name}/" + (f"?token={secret}" if secret else "")
