"""Ports that are known before anybody listens there."""

from __future__ import annotations

import socket


def reserved() -> socket.socket:
    """A port of 127.0.0.1 that nobody is given by chance as long as this is open; whoever asks for it can listen there.

    It is bound and not listened at: then the kernel lets others have it too, if they want that very port.
    """
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", 0))
    return made
