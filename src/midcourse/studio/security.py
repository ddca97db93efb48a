"""The guard before the studio, which knows browsers: a page that is opened with a token gets a cookie for it.

Invariants: nothing behind the guard runs for a request that names another host than ours, that another site's page has
made, or that neither has the cookie nor knows the token. No response but the cookie's own holds a secret.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Scope

from midcourse.studio import errors
from midcourse.studio.access import Access
from midcourse.web import guard
from midcourse.web.guard import SAFE, from_here

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


class Guard(guard.Guard):
    """ASGI: lets a request through to `app`, or answers it."""

    what = "the studio"

    def __init__(self, app: ASGIApp, access: Access) -> None:
        super().__init__(app, access, errors.response)
        self._cookies = access

    def _unknown(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        is_page = scope["path"] == "/" and scope["method"] in SAFE
        if not from_here(headers, host, is_page=is_page):
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
        if len(given) == 1 and (self.access.knows(given[0]) or self._cookies.takes(given[0])):
            found.set_cookie(self._cookies.cookie, self._cookies.signed(), httponly=True, samesite="strict", path="/")
        elif given and not self._has_cookie(headers):
            return _locked(headers, is_page=True)
        return found

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            morsel = SimpleCookie("; ".join(headers.getlist("cookie"))).get(self._cookies.cookie)
        except CookieError:
            return False
        return morsel is not None and self._cookies.signed_here(morsel.value)


def _locked(headers: Headers, *, is_page: bool) -> Response:
    if is_page:
        # A link on another site comes without our cookie, which is strict; what we send the browser to does not.
        again = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return HTMLResponse(LOCKED.format(again=AGAIN if again else ""), 401)
    found = errors.response(401, "unauthorised", "the token is missing or wrong; open the address that was printed")
    found.headers["WWW-Authenticate"] = "Bearer"
    return found
