"""Where a server listens, and under which names; decided before anything is loaded."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Collection, Sequence

from midcourse.errors import UserError
from midcourse.web.place import Place
from midcourse.web.secret import ENOUGH

BACKLOG = 128


def sockets(settings: Place) -> list[socket.socket]:
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


def port(listening: Sequence[socket.socket]) -> int:
    """The port at which all of them listen."""
    found: int = listening[0].getsockname()[1]
    return found


def names(
    settings: Place, listening: Sequence[socket.socket], secret: str | None, *, what: str, give: str
) -> frozenset[str]:
    """The `Host` headers that are ours (lower case, with port).

    Raises `UserError` where other machines could ask `what`, and nobody has chosen a good secret, which one does with
    `give`.
    """
    addresses = [ipaddress.ip_address(made.getsockname()[0].partition("%")[0]) for made in listening]
    local = all(address.is_loopback for address in addresses)
    everywhere = any(address.is_unspecified for address in addresses)
    if not local and (secret is None or len(secret) < ENOUGH):
        raise UserError(
            f"--host {settings.host} lets other machines reach {what}; choose a secret of {ENOUGH} characters or "
            f"more with {give}, or leave --host away"
        )
    if everywhere and not settings.allow_host:
        raise UserError(
            f"--host {settings.host} listens everywhere; say with --allow-host under which name or address it will be "
            "asked"
        )
    own = {str(address) for address in addresses if not address.is_unspecified}
    if local or everywhere:
        own |= {"127.0.0.1", "::1", "localhost"}
    return hosts(own, settings.allow_host, port(listening))


def hosts(addresses: Collection[str], named: Collection[str], port: int) -> frozenset[str]:
    """The `Host` headers of a server at these addresses, and under names at which a proxy may stand before it."""
    own = {f"[{address}]" if ":" in address else address for address in addresses}
    known = {f"{name}:{port}" for name in own} | (own if port == 80 else set())
    for name in named:
        known |= {name.lower()} if name.rpartition(":")[2].isdigit() else {name.lower(), f"{name.lower()}:{port}"}
    return frozenset(known)


def url(settings: Place, port: int) -> str:
    """The server's address, as others should write it; with a slash at the end."""
    name = settings.allow_host[0] if settings.allow_host else settings.host
    if ":" in name and not name.startswith("[") and name == settings.host:
        name = f"[{name}]"
    if not name.rpartition(":")[2].isdigit():
        name = f"{name}:{port}"
    return f"http://{name}/"
