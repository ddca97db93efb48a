"""What another site's page, and what a model or a file says, can do in a browser that has the studio open: nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.studio.running import TOKEN, Running

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&amp;{{7*7}}"
TRY = """async (studio) => {
  const put = {method: "PUT", body: '{"author": "evil"}', credentials: "include"};
  const json = {...put, headers: {"Content-Type": "application/json"}};
  const tries = [{credentials: "include"}, {mode: "no-cors", credentials: "include"}, json,
                 {...put, method: "POST", mode: "no-cors"}];
  const seen = [];
  for (const options of tries)
    seen.push(await fetch(studio + "/api/preferences", options).then((r) => r.type + r.status, () => "refused"));
  const form = document.createElement("form");
  Object.assign(form, {method: "post", enctype: "text/plain", action: studio + "/api/traces", target: "out"});
  form.append(Object.assign(document.createElement("input"), {name: '{"messages": [], "a": "', value: '"}'}));
  document.body.append(form);
  form.submit();
  return seen;
}"""


@contextmanager
def elsewhere(html: str) -> Iterator[str]:
    """Another site on this machine."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("store") / "traces.db") as running:
        yield running


@pytest.fixture
def page(browser: Browser, studio: Running) -> Iterator[Page]:
    """A page of a browser that has opened the studio."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{studio.url}/?token={TOKEN}")
    assert page.url == f"{studio.url}/" or page.url.startswith(f"{studio.url}/#")
    yield page
    context.close()


def test_another_page_reaches_nothing(studio: Running, page: Page) -> None:
    before = studio.client.get("/api/preferences").json()
    with elsewhere(f'<iframe name="out"></iframe><iframe src="{studio.url}/"></iframe>') as site:
        for url in (site, site.replace("localhost", "127.0.0.1")):  # another site, and another port of ours
            evil = page.context.new_page()
            evil.goto(url)
            seen = evil.evaluate(TRY, studio.url)
            assert [answer for answer in seen if answer not in ("refused", "opaque0")] == []
            for frame in evil.frames[1:]:
                assert not frame.url.startswith(studio.url) or frame.get_by_role("main").count() == 0
            evil.close()
    assert studio.client.get("/api/preferences").json() == before
    assert studio.client.get("/api/traces").json()["rows"] == []


def test_a_link_from_elsewhere_opens_the_page(studio: Running, page: Page) -> None:
    with elsewhere(f'<a href="{studio.url}/">studio</a>') as site:
        page.goto(site)
        page.get_by_role("link").click()
        page.wait_for_url(f"{studio.url}/**")
        expect(page.locator("script[src]").first).to_be_attached()


def test_another_browser_is_locked_out(studio: Running, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(studio.url)
    assert answer is not None
    assert answer.status == 401
    assert page.get_by_role("heading").inner_text() == "This studio is locked"
    context.close()


@pytest.mark.parametrize("route", ["#/steer/{trace}", "#/review", "#/data", "#/compare"])
def test_what_is_said_is_only_ever_text(studio: Running, page: Page, route: str) -> None:
    messages = [{"role": role, "content": HOSTILE} for role in ("system", "user")]
    body = {"messages": messages, "tags": [HOSTILE[:100]], "go_on": False}
    trace = studio.client.post("/api/traces", json=body).json()["trace"]
    version = studio.client.get(f"/api/traces/{trace}").json()["version"]
    steer = {"version": version, "action": "correct", "depth": 0, "text": HOSTILE, "reason": HOSTILE, "go_on": False}
    assert studio.client.post(f"/api/traces/{trace}/steer", json=steer).is_success
    page.goto(f"{studio.url}/{route.format(trace=trace)}")
    expect(page.locator("body")).to_contain_text("onerror=")
    assert page.evaluate("document.title") != "owned"
    assert page.evaluate("document.querySelectorAll('img[src=x], [onerror]').length") == 0


def test_the_page_keeps_no_secret_and_talks_to_nobody_else(studio: Running, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("request", lambda request: asked.append(request.headers.get("referer") or studio.url))
    for route in ("review", "train", "compare", "data", "steer"):
        page.goto(f"{studio.url}/#/{route}")
        page.reload()
        page.wait_for_load_state("load")
        assert TOKEN not in page.content()
    assert asked
    assert not [url for url in asked if not url.startswith((studio.url, "data:", "blob:")) or TOKEN in url]
    kept = "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, history.state])"
    assert TOKEN not in page.evaluate(kept)
    assert page.evaluate("document.cookie") == ""
