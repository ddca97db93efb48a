"""The guard before an application: who may ask, under which name, and from where.

Invariant: nothing behind the guard runs for a request that names another host than ours, that another site's page has
made, or that does not know the secret, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from midcourse.web import secret
from midcourse.web.refusal import Refuse

SAFE = ("GET", "HEAD")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
DEFAULTS = {  # where a route says nothing else
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """The secret, if one has to be known, and the exact `Host` headers that are ours (lower case, with port)."""

    token: str | None = field(repr=False)
    hosts: frozenset[str]
    port: int

    def knows(self, given: str) -> bool:
        """Whether this is the secret; nothing is, where there is none."""
        return self.token is not None and secret.same(given, self.token)


class Guard:
    """ASGI: lets a request through to `app`, or answers it. `open` are paths that need no secret."""

    what = "the server"

    def __init__(self, app: ASGIApp, access: Access, refuse: Refuse, *, open: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.access = access
        self.refuse = refuse
        self.open = open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in DEFAULTS.items():
                    headers.setdefault(name, value)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await (self._refusal(scope) or self.app)(scope, receive, sealed)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that does not get through."""
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or named[0].lower() not in self.access.hosts:
            return self.refuse(403, "forbidden", f"{self.what} is not known under this name; see --allow-host")
        return self._unknown(scope, headers, named[0].lower())

    def _unknown(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        """The answer to a request by somebody who may not ask."""
        if not from_here(headers, host):
            return self.refuse(403, "forbidden", f"this request comes from another page than {self.what}'s")
        if self.access.token is None or scope["path"] in self.open or self._has_token(headers):
            return None
        return self._locked()

    def _locked(self) -> Response:
        found = self.refuse(401, "unauthorised", "the API key is missing or wrong: Authorization: Bearer KEY")
        found.headers["WWW-Authenticate"] = "Bearer"
        return found

    def _has_token(self, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return kind.lower() == "bearer" and self.access.knows(token.strip())


def from_here(headers: Headers, host: str, *, is_page: bool = False) -> bool:
    """Whether a browser does not say that another site's page is asking."""
    if any(origin not in (f"http://{host}", f"https://{host}") for origin in headers.getlist("origin")):
        return False
    if is_page and headers.get("sec-fetch-mode", "navigate") == "navigate":
        return True  # a link elsewhere may lead here
    return all(site in ("same-origin", "none") for site in headers.getlist("sec-fetch-site"))
