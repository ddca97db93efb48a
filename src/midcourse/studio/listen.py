"""Where the studio listens, and who may ask; decided before anything is loaded."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from midcourse.studio import access
from midcourse.studio.access import Access
from midcourse.studio.settings import StudioSettings
from midcourse.web import listen, secret

GIVE = "--token-file or MIDCOURSE_TOKEN"


def granted(settings: StudioSettings, listening: Sequence[socket.socket]) -> Access:
    """Who may ask. Raises `UserError` where other machines could, and nobody has chosen a good token."""
    token = secret.chosen(settings.token, settings.token_file, "token")
    known = listen.names(settings, listening, token, what="the studio", give=GIVE)
    return Access(token or secret.made(), known, listen.port(listening), access.key(token))


def url(settings: StudioSettings, port: int, given: str | None = None) -> str:
    """The page's address, with the token or a ticket that opens it."""
    return listen.url(settings, port) + (f"?token={given}" if given else "")
