"""The guard before the application: who may ask, under which name, and from where.

Invariants: nothing behind the guard runs for a request that names another host than ours, that another site's page has
made, or that neither has the cookie nor knows the token. No response but the cookie's own holds a secret.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from midcourse.studio import errors
from midcourse.studio.access import Access

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
LOCKED = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" /><meta name="viewport" content="width=device-width" />{again}<title>Midcourse</title>
  </head>
  <body>
    <main>
      <h1>This studio is locked</h1>
      <p>Open it with the address that it printed in the terminal when it started. It ends with a token.</p>
    </main>
  </body>
</html>
"""
AGAIN = '<meta http-equiv="refresh" content="0;url=/" />'


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
            return errors.response(403, "forbidden", "the studio is not known under this name; see --allow-host")
        is_page = scope["path"] == "/" and scope["method"] in SAFE
        if not _from_here(headers, named[0].lower(), is_page=is_page):
            return errors.response(403, "forbidden", "this request comes from another page than the studio's")
        if is_page and scope["query_string"]:
            return self._enter(scope, headers)
        if self._has_token(headers):
            return None
        if not self._has_cookie(headers):
            return _locked(headers, is_page=is_page)
        if scope["method"] not in SAFE and "origin" not in headers and "sec-fetch-site" not in headers:
            message = "a request that changes something should say where it comes from (Origin)"
            return errors.response(403, "forbidden", message)
        return None

    def _enter(self, scope: Scope, headers: Headers) -> Response:
        """The first use of the printed address: a cookie for the token, which leaves the address."""
        given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10).get("token", [])
        found = RedirectResponse("/", 303)
        if len(given) == 1 and (self.access.knows(given[0]) or self.access.takes(given[0])):
            found.set_cookie(self.access.cookie, self.access.signed(), httponly=True, samesite="strict", path="/")
        elif given and not self._has_cookie(headers):
            return _locked(headers, is_page=True)
        return found

    def _has_token(self, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return kind.lower() == "bearer" and self.access.knows(token.strip())

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            morsel = SimpleCookie("; ".join(headers.getlist("cookie"))).get(self.access.cookie)
        except CookieError:
            return False
        return morsel is not None and self.access.signed_here(morsel.value)


def _locked(headers: Headers, *, is_page: bool) -> Response:
    if is_page:
        # A link on another site comes without our cookie, which is strict; what we send the browser to does not.
        again = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return HTMLResponse(LOCKED.format(again=AGAIN if again else ""), 401)
    found = errors.response(401, "unauthorised", "the token is missing or wrong; open the address that was printed")
    found.headers["WWW-Authenticate"] = "Bearer"
    return found


def _from_here(headers: Headers, host: str, *, is_page: bool) -> bool:
    """Whether a browser does not say that another site's page is asking."""
    if any(origin not in (f"http://{host}", f"https://{host}") for origin in headers.getlist("origin")):
        return False
    if is_page and headers.get("sec-fetch-mode", "navigate") == "navigate":
        return True  # a link elsewhere may lead here
    return all(site in ("same-origin", "none") for site in headers.getlist("sec-fetch-site"))
