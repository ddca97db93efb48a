"""HTTP by hand, for what well-behaved clients never send."""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple

from tests.waiting import PATIENCE


class Answer(NamedTuple):
    """What came back; status 0 where the connection was closed without an answer."""

    status: int
    headers: str
    body: bytes

    @property
    def code(self) -> str:
        code: str = json.loads(self.body)["error"]["code"]
        return code


def send(port: int, *parts: bytes, host: str = "127.0.0.1", timeout: float = PATIENCE) -> Answer:
    """Send bytes and read until the other side closes, or has sent as much as it said it would."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough; what it said may still be there
        return read(connection)


def read(connection: socket.socket) -> Answer:
    """One response."""
    received = b""
    while not _complete(received):
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return Answer(0, "", b"")
    first, _, headers = head.decode("latin-1").partition("\r\n")
    return Answer(int(first.split()[1]), headers.lower(), body)


def request(method: str, target: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request with exactly these headers."""
    head = "\r\n".join([f"{method} {target} HTTP/{version}", *headers, "", ""])
    return head.encode("latin-1") + body


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


def _complete(received: bytes) -> bool:
    head, gap, body = received.partition(b"\r\n\r\n")
    if not gap:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False
