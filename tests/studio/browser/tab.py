"""A tab of a real browser. Whatever its page reports that no test has asked for is a failure.

Representation: `seen` holds a line for each console message (violations of the content security policy are some), error
of a script, failed request and answer of 400 and above.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Request, Response

from tests.studio.browser.process import Studio
from tests.waiting import PATIENCE, until

HUNG_UP = r"failed: net::ERR_ABORTED http://[^/]+/.*"  # only the page itself gives a request up
OFFLINE = (  # what a page sees whose server was killed
    r"failed: net::ERR_(CONNECTION_\w+|EMPTY_RESPONSE|NETWORK_\w+|SOCKET_\w+) .*",
    # an answer that is cut
    r"failed: net::ERR_(CONTENT_LENGTH_MISMATCH|(INCOMPLETE|INVALID)_CHUNKED_ENCODING|RESPONSE_HEADERS_TRUNCATED) .*",
    r"console: Failed to load resource: net::ERR_.*",
    r"answered: 503 .*",  # while the model is loaded again
    r"console: Failed to load resource: the server responded with a status of 503.*",
)


class Tab:
    """A page of the studio."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seen: list[str] = []
        self._allowed = {HUNG_UP}
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", lambda message: self.seen.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    @classmethod
    def new(
        cls,
        browser: Browser,
        *,
        width: int = 1400,
        height: int = 900,
        beside: Tab | None = None,
        **context: Any,
    ) -> Tab:
        """A new tab: in the browser window of the tab `beside`, or as if in another browser."""
        if beside is not None:
            return cls(beside.page.context.new_page())
        made = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB", **context)
        return cls(made.new_page())

    def open(self, studio: Studio, route: str = "") -> None:
        """Open the studio by the address that it has printed, then a view of it."""
        self.page.goto(studio.address)
        self.page.wait_for_url(f"{studio.origin}/**")
        assert "token" not in self.page.url
        if route:
            self.go(route)

    def go(self, route: str) -> None:
        """Go to a view, as a link would."""
        self.page.evaluate("route => { location.hash = route }", route)

    @property
    def route(self) -> str:
        """What follows the # of the address."""
        return self.page.url.partition("#")[2]

    def lose(self, pattern: str) -> Callable[[], None]:
        """Load the page anew as one whose requests to `pattern` fail; what is returned lets them through again.

        Chromium takes a pattern to a page that stands already without saying when it is there: a request soon after
        `page.route` gets past it now and then. A page that is loaded later has it from its first request on.
        """
        self.page.route(pattern, lambda route: route.abort())
        self.page.reload()
        return lambda: self.page.unroute(pattern)

    def connected(self) -> None:
        """Wait until the page hears from the server."""
        state = "import('/static/js/store.js').then(({store}) => store.state.connection)"
        until(lambda: self.page.evaluate(state) == "open", "being connected")

    @contextmanager
    def expecting(self, *patterns: str) -> Iterator[None]:
        """What the page sees in here may match these patterns too."""
        before = len(self.seen)
        yield
        kept = [line for line in self.seen[before:] if not any(re.fullmatch(pattern, line) for pattern in patterns)]
        self.seen[before:] = kept

    def allow(self, *patterns: str) -> None:
        """From now on what the page sees may match these patterns too."""
        self._allowed |= set(patterns)

    def fine(self) -> None:
        """Nothing has gone wrong on the page so far."""
        wrong = [line for line in self.seen if not any(re.fullmatch(one, line) for one in self._allowed)]
        assert not wrong, "the page reported:\n" + "\n".join(wrong)

    def close(self) -> None:
        """Close it, and look at what it has seen."""
        if not self.page.is_closed():
            self.page.close()
        self.fine()

    def _failed(self, request: Request) -> None:
        self.seen.append(f"failed: {request.failure} {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.seen.append(f"answered: {response.status} {response.request.method} {response.url}")
