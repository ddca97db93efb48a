"""Who may use the studio: the token, the cookie that a browser gets for it, and the names the studio is known under.

A token that was made here lasts as long as the process. Its cookie outlives it, so that an open page goes on after a
restart: it is signed with a key that only this user can read, for one port and thirty days. Where a person chose the
token, the key comes from that, and another token locks every browser out.

Invariant: secrets are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from midcourse.errors import DiskError, UserError
from midcourse.studio.settings import StudioSettings

LASTS = 30 * 24 * 3600  # seconds that a cookie is good for
TICKET = 60.0  # seconds in which the browser that we open has to come


@dataclass(frozen=True)
class Access:
    """The token, the cookie's key, and the exact `Host` headers that are ours (lower case, with port)."""

    token: str = field(repr=False)
    key: bytes = field(repr=False)
    hosts: frozenset[str]
    port: int
    _tickets: dict[str, float] = field(default_factory=dict, repr=False)  # and when they are no good any more

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers send a cookie to every port of a host."""
        return f"midcourse-{self.port}"

    def knows(self, given: str) -> bool:
        """Whether this is the token."""
        return _same(given, self.token)

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
        return 0 <= time.time() - int(begun) + 60 <= LASTS and _same(value, self._sign(int(begun)))

    def _sign(self, begun: int) -> str:
        mark = hmac.new(self.key, f"{self.port} {begun}".encode(), hashlib.sha256).hexdigest()
        return f"{begun}.{mark}"


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())


def hosts(addresses: Collection[str], named: Collection[str], port: int) -> frozenset[str]:
    """The `Host` headers of a server at these addresses, and under names at which a proxy may stand before it."""
    own = {f"[{address}]" if ":" in address else address for address in addresses}
    known = {f"{name}:{port}" for name in own} | (own if port == 80 else set())
    for name in named:
        known |= {name.lower()} if name.rpartition(":")[2].isdigit() else {name.lower(), f"{name.lower()}:{port}"}
    return frozenset(known)


def chosen(settings: StudioSettings) -> str | None:
    """The token that a person has chosen. Raises `UserError` for a file that others may read."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    if settings.token_file is None:
        return None
    token = private(settings.token_file)
    try:
        StudioSettings(token=SecretStr(token))
    except ValueError:
        raise UserError(
            f"{settings.token_file}: there should be one token in it, of the characters A-Z a-z 0-9 . _ ~ + / = -"
        ) from None
    return token


def key(token: str | None) -> bytes:
    """What cookies are signed with: from the chosen token, or this user's own, which lasts."""
    if token is not None:
        return hashlib.sha256(f"midcourse cookie {token}".encode()).digest()
    from platformdirs import user_state_path

    try:
        return hashlib.sha256(private(user_state_path("midcourse", appauthor=False) / "studio.key").encode()).digest()
    except (DiskError, UserError):  # then a page has to be opened anew after a restart
        return secrets.token_bytes(32)


def private(path: Path) -> str:
    """The secret in a file that only its owner may read; made if it is not there.

    Raises `UserError` where others may read it, `DiskError` where it cannot be read or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with path.open(encoding="utf-8") as file:
                if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                    raise UserError(f"{path}: others may read this secret; `chmod 600 {path}` and change it") from None
                return file.read(10_000).strip()
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write((made := secrets.token_urlsafe(24)) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DiskError(f"{path}: the secret cannot be read or kept there: {error}") from error
    return made
