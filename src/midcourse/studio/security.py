"""The guard before the application: who may ask, under which name, from where, and how much they may send.

Invariants: nothing behind the guard runs for a request that names another host than ours, that another site's page has
made, or that does not know the token. A token is compared in constant time, and no header, page or log line of ours
holds it, but for the cookie itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from midcourse.studio import errors

SAFE = ("GET", "HEAD", "OPTIONS")
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
LOCKED = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><title>Midcourse</title></head>
  <body>
    <main>
      <h1>This studio is locked</h1>
      <p>Open it with the address that it printed in the terminal when it started. It ends with a token.</p>
    </main>
  </body>
</html>
"""


@dataclass(frozen=True)
class Access:
    """Who may ask: the token, and the exact `Host` headers that are ours (lower case, with port)."""

    token: str
    hosts: frozenset[str]
    port: int

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers send cookies to every port of a host."""
        return f"midcourse-{self.port}"

    def knows(self, given: str | None) -> bool:
        """Whether this is the token."""
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())


def hosts(addresses: Collection[str], named: Collection[str], port: int) -> frozenset[str]:
    """The `Host` headers of a server at these addresses, which is also known under these names."""
    names = {f"[{address}]" if ":" in address else address for address in addresses}
    names |= {name.lower() for name in named}
    return frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


class Guard:
    """ASGI: lets a request through to `app`, or answers it."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                for name, value in DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._refusal(scope) or self.app)(scope, receive, sealed)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that does not get through."""
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or named[0].lower() not in self.access.hosts:
            return errors.response(403, "forbidden", "the studio is not known under this name; see --allow-host")
        host, safe = named[0].lower(), scope["method"] in SAFE
        is_page = scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
        if not _from_here(headers, host, is_page=is_page):
            return errors.response(403, "forbidden", "this request comes from another page than the studio's")
        if is_page and b"token=" in scope["query_string"]:
            return self._enter(scope)
        by_header = self.access.knows(_bearer(headers))
        if not (by_header or self.access.knows(self._from_cookie(headers))):
            return self._locked(is_page)
        told = headers.get("origin") is not None or headers.get("sec-fetch-site") is not None
        if not (safe or by_header or told):
            message = "a request that changes something should say where it comes from (Origin)"
            return errors.response(403, "forbidden", message)
        return None

    def _enter(self, scope: Scope) -> Response:
        """The first use of the printed address: the token becomes a cookie, and leaves the address."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if len(given) != 1 or not self.access.knows(given[0]):
            return self._locked(is_page=True)
        found = RedirectResponse("/", 303)
        found.set_cookie(self.access.cookie, self.access.token, httponly=True, samesite="strict", path="/")
        return found

    def _from_cookie(self, headers: Headers) -> str | None:
        try:
            morsel = SimpleCookie("; ".join(headers.getlist("cookie"))).get(self.access.cookie)
        except CookieError:
            return None
        return morsel.value if morsel else None

    def _locked(self, is_page: bool) -> Response:
        if is_page:
            return HTMLResponse(LOCKED, 401)
        found = errors.response(401, "unauthorised", "the token is missing or wrong; open the address that was printed")
        found.headers["WWW-Authenticate"] = "Bearer"
        return found


def _bearer(headers: Headers) -> str | None:
    given = headers.getlist("authorization")
    kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if kind.lower() == "bearer" else None


def _from_here(headers: Headers, host: str, *, is_page: bool) -> bool:
    """Whether a browser does not say that another site's page is asking."""
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if any(origin not in (f"http://{host}", f"https://{host}") for origin in origins):
        return False
    if is_page and headers.get("sec-fetch-mode", "navigate") == "navigate":
        return True  # a link elsewhere may lead here
    return all(site in ("same-origin", "none") for site in sites)
