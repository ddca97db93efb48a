"""How a server says no before its application is asked: each has a shape of its own for errors."""

from __future__ import annotations

from typing import Protocol

from starlette.responses import Response


class Refuse(Protocol):
    """Makes the response of an error."""

    def __call__(self, status: int, code: str, message: str, /) -> Response:
        """`code` says what kind of thing in a word, `message` what was found and what to do."""
        ...
