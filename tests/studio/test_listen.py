"""Where the studio listens."""

from __future__ import annotations

import socket

from midcourse.studio.settings import StudioSettings
from midcourse.web import listen


def test_what_is_sent_does_not_wait_for_more() -> None:
    """With Nagle's algorithm a token waits until the browser has acknowledged the one before: 40 ms and more."""
    [listening] = listen.sockets(StudioSettings(port=0))
    with listening, socket.create_connection(listening.getsockname()), listening.accept()[0] as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
