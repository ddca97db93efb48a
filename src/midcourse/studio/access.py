"""Who may use the studio: the token, the cookie that a browser gets for it, and the names the studio is known under.

A token that was made here lasts as long as the process. Its cookie outlives it, so that an open page goes on after a
restart: it is signed with a key that only this user can read, for one port and thirty days. Where a person chose the
token, the key comes from that, and another token locks every browser out.

Invariant: secrets are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field

from midcourse.errors import DiskError, UserError
from midcourse.web import guard, secret

LASTS = 30 * 24 * 3600  # seconds that a cookie is good for
TICKET = 60.0  # seconds in which the browser that we open has to come


@dataclass(frozen=True)
class Access(guard.Access):
    """The token, the names, and the cookie's key."""

    token: str = field(repr=False)
    key: bytes = field(repr=False)
    _tickets: dict[str, float] = field(default_factory=dict, repr=False)  # and when they are no good any more

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers send a cookie to every port of a host."""
        return f"midcourse-{self.port}"

    def ticket(self) -> str:
        """Stands for the token once, for a minute: others see what a browser is started with."""
        made = secrets.token_urlsafe(24)
        self._tickets[made] = time.monotonic() + TICKET
        return made

    def takes(self, given: str) -> bool:
        """Whether this is a ticket, which it then is no longer."""
        return self._tickets.pop(given, 0.0) > time.monotonic()

    def signed(self) -> str:
        """A cookie's value."""
        return self._sign(int(time.time()))

    def signed_here(self, value: str) -> bool:
        """Whether we have given out this cookie's value, for this port, and not too long ago."""
        begun = value.partition(".")[0]
        if not (begun.isascii() and begun.isdigit() and len(begun) < 16):
            return False
        return 0 <= time.time() - int(begun) + 60 <= LASTS and secret.same(value, self._sign(int(begun)))

    def _sign(self, begun: int) -> str:
        mark = hmac.new(self.key, f"{self.port} {begun}".encode(), hashlib.sha256).hexdigest()
        return f"{begun}.{mark}"


def key(token: str | None) -> bytes:
    """What cookies are signed with: from the chosen token, or this user's own, which lasts."""
    if token is not None:
        return hashlib.sha256(f"midcourse cookie {token}".encode()).digest()
    from platformdirs import user_state_path

    try:
        return hashlib.sha256(
            secret.private(user_state_path("midcourse", appauthor=False) / "studio.key").encode()
        ).digest()
    except (DiskError, UserError):  # then a page has to be opened anew after a restart
        return secrets.token_bytes(32)
