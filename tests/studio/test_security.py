"""The guard, attacked: other names, other pages, no token, and what may never leave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from midcourse.studio import access as access_module
from tests.studio.raw import request, send
from tests.studio.running import TOKEN, Running
from tests.waiting import PATIENCE

BEARER = f"Authorization: Bearer {TOKEN}"
JSON = "Content-Type: application/json"
HOW: dict[str, Any] = {"trust_env": False, "timeout": PATIENCE}
get = partial(httpx.get, **HOW)


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("store") / "traces.db") as running:
        yield running


@pytest.fixture
def browser(studio: Running) -> Iterator[httpx.Client]:
    """A browser that has opened the printed address."""
    with httpx.Client(base_url=studio.url, follow_redirects=True, **HOW) as client:
        assert client.get(f"/?token={TOKEN}").status_code == 200
        yield client


# ---- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "localhost.:{port}",
        "127.0.0.1:{port}@evil.example",
        "evil.example@127.0.0.1:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "127.0.0.1:{port}, evil.example",
        "127.0.0.1:0{port}",
        "localhost:{port}/",
    ],
)
@pytest.mark.parametrize("target", ["/", "/api/preferences", "/static/index.html", f"/?token={TOKEN}"])
def test_another_name_is_refused(studio: Running, host: str | None, target: str) -> None:
    headers = [] if host is None else [f"Host: {host.format(port=studio.port)}"]
    for version in ("1.0", "1.1"):
        answer = send(studio.port, request("GET", target, *headers, BEARER, version=version))
        assert answer.status in (400, 403)
        assert "set-cookie" not in answer.headers
        assert TOKEN.encode() not in answer.body


def test_two_names_are_refused(studio: Running) -> None:
    good, bad = f"Host: 127.0.0.1:{studio.port}", "Host: evil.example"
    for headers in ([good, good], [good, bad], [bad, good]):
        for version in ("1.0", "1.1"):
            answer = send(studio.port, request("GET", "/api/preferences", *headers, BEARER, version=version))
            assert answer.status in (400, 403)


def test_a_forwarded_name_and_an_absolute_target_change_nothing(studio: Running) -> None:
    forwarded = ["X-Forwarded-Host: 127.0.0.1", "X-Forwarded-Proto: https", "Forwarded: host=127.0.0.1"]
    answer = send(studio.port, request("GET", "/api/preferences", "Host: evil.example", *forwarded, BEARER))
    assert answer.status == 403
    good = f"Host: 127.0.0.1:{studio.port}"
    for target in ("http://evil.example/api/preferences", "//evil.example/api/preferences", "evil.example:80"):
        answer = send(studio.port, request("GET", target, good, BEARER))
        assert answer.status in (400, 404)


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}", "[::1]:{port}"])
def test_our_own_names_are_known(studio: Running, host: str) -> None:
    answer = send(
        studio.port,
        request("GET", "/api/preferences", f"Host: {host.format(port=studio.port)}", BEARER, "Connection: close"),
    )
    assert answer.status == 200


def test_it_listens_at_ipv6_too(model: Path, tmp_path: Path) -> None:
    with Running(model, tmp_path / "traces.db", host="::1") as running:
        good = request("GET", "/api/preferences", f"Host: [::1]:{running.port}", BEARER)
        assert send(running.port, good, host="::1").status == 200
        bad = request("GET", "/api/preferences", "Host: [::2]", BEARER)
        assert send(running.port, bad, host="::1").status == 403


# ---- other pages -------------------------------------------------------------------------------------------------

ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "file://"},
    {"Origin": "{url}.evil.example"},
    {"Origin": "{url}/"},
    {"Origin": "http://localhost:{port}"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "strange"},
    {"Origin": "{url}", "Sec-Fetch-Site": "cross-site"},
    {},
]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_another_page_changes_nothing_with_our_cookie(
    studio: Running, browser: httpx.Client, headers: dict[str, str]
) -> None:
    sent = {name: value.format(url=studio.url, port=studio.port) for name, value in headers.items()}
    before = studio.client.get("/api/preferences").json()
    for method in ("PUT", "POST", "PATCH", "DELETE", "put"):
        answer = browser.request(method, "/api/preferences", json={"author": "evil"}, headers=sent)
        assert answer.status_code == 403, method
        assert answer.json()["error"]["code"] == "forbidden"
    assert studio.client.get("/api/preferences").json() == before


@pytest.mark.parametrize("headers", [headers for headers in ELSEWHERE if headers], ids=str)
def test_another_page_reads_nothing_with_our_cookie(
    studio: Running, browser: httpx.Client, headers: dict[str, str]
) -> None:
    sent = {name: value.format(url=studio.url, port=studio.port) for name, value in headers.items()}
    for path in ("/api/preferences", "/static/index.html", "/api/openapi.json"):
        assert browser.get(path, headers=sent).status_code == 403
    assert browser.get("/", headers=sent | {"Sec-Fetch-Mode": "cors"}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "{url}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}], ids=str
)
def test_our_own_page_changes_things(studio: Running, browser: httpx.Client, headers: dict[str, str]) -> None:
    sent = {name: value.format(url=studio.url) for name, value in headers.items()}
    assert browser.put("/api/preferences", json={"author": "me"}, headers=sent).status_code == 200


def test_a_link_from_elsewhere_leads_to_the_page(browser: httpx.Client) -> None:
    navigating = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert browser.get("/", headers=navigating).status_code == 200
    browser.cookies.clear()
    without = browser.get("/", headers=navigating)  # a strict cookie is not sent with it, only with what follows
    assert without.status_code == 401
    assert 'http-equiv="refresh" content="0;url=/"' in without.text
    assert "refresh" not in browser.get("/", headers={"Sec-Fetch-Site": "same-origin"}).text


def test_nobody_is_given_leave_to_read(studio: Running) -> None:
    asking = {"Origin": studio.url, "Access-Control-Request-Method": "PUT"}
    answers = [
        studio.client.options("/api/preferences", headers=asking),
        studio.client.options("/api/preferences", headers=asking | {"Origin": "https://evil.example"}),
        studio.client.get("/api/preferences", headers={"Origin": studio.url}),
    ]
    assert [answer.status_code for answer in answers] == [405, 403, 200]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]


# ---- the token ---------------------------------------------------------------------------------------------------

WRONG = ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ä", "é" * 30, "\x7f", TOKEN * 1000]


@pytest.mark.parametrize("token", WRONG, ids=lambda token: token[:30])
def test_without_the_token_there_is_nothing(studio: Running, token: str) -> None:
    host = f"Host: 127.0.0.1:{studio.port}"
    for path in ("/api/preferences", "/static/index.html", "/api/openapi.json", "/api/nothing", "/plotly.js"):
        for given in ([f"Authorization: Bearer {token}"], [f"Authorization: {token}"], [f"Cookie: token={token}"], []):
            answer = send(studio.port, request("GET", path, host, *given))
            assert answer.status == 401
            assert answer.code == "unauthorised"


@pytest.mark.parametrize(
    "query",
    [
        "token=",
        "token=x",
        f"token={TOKEN}&token=x",
        f"token={TOKEN}&token={TOKEN}",
        f"Token={TOKEN}",
        f"token[]={TOKEN}",
    ],
)
def test_an_address_with_another_token_is_locked(studio: Running, query: str) -> None:
    answer = get(f"{studio.url}/?{query}", follow_redirects=True)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_two_authorizations_are_none(studio: Running) -> None:
    host = f"Host: 127.0.0.1:{studio.port}"
    assert send(studio.port, request("GET", "/api/preferences", host, BEARER, BEARER)).status == 401


def test_the_token_opens_only_the_page_by_address(studio: Running) -> None:
    for path in ("/api/preferences", "/static/index.html", "/api/openapi.json"):
        assert get(f"{studio.url}{path}?token={TOKEN}").status_code == 401
    assert httpx.post(f"{studio.url}/?token={TOKEN}", **HOW, json={}).status_code == 401


def test_the_first_use_leaves_a_cookie_and_a_clean_address(studio: Running) -> None:
    answer = get(f"{studio.url}/?token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"midcourse-{studio.port}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert TOKEN not in cookie
    assert "domain" not in cookie.lower()


def test_a_cookie_is_good_here_and_for_a_while(studio: Running, browser: httpx.Client) -> None:
    [(name, value)] = browser.cookies.items()
    begun, _, mark = value.partition(".")
    later = int(begun) + 1
    host = f"Host: 127.0.0.1:{studio.port}"
    forged = ["", ".", "x", begun, f"{begun}.", f"{later}.{mark}", f"{begun}.{mark[:-1]}", f"-{begun}.{mark}"]
    forged += [f"{begun}.{mark}x", f" {begun}.{mark.upper()}", "9" * 5000 + "." + mark, "٣." + mark, f"1e5.{mark}"]
    for bad in forged:
        answer = send(
            studio.port, request("GET", "/api/preferences", host, f"Cookie: {name}={bad}".encode().decode("latin-1"))
        )
        assert answer.status == 401, bad
    for bad in ("midcourse-1", name.upper(), "midcourse"):
        assert send(studio.port, request("GET", "/api/preferences", host, f"Cookie: {bad}={value}")).status == 401
    good = send(studio.port, request("GET", "/api/preferences", host, f"Cookie: other=1; {name}={value}"))
    assert good.status == 200


def test_an_old_cookie_is_none(studio: Running) -> None:
    granted = studio.server.access
    old = granted._sign(int(granted.signed().partition(".")[0]) - access_module.LASTS - 120)
    ahead = granted._sign(int(granted.signed().partition(".")[0]) + 3600)
    for value in (old, ahead):
        assert not granted.signed_here(value)
        cookies = {granted.cookie: value}
        assert get(f"{studio.url}/api/preferences", cookies=cookies).status_code == 401


def test_a_ticket_opens_the_page_once(studio: Running) -> None:
    ticket = studio.server.access.ticket()
    assert [get(f"{studio.url}/?token={ticket}").status_code for _ in range(2)] == [303, 401]
    headers = {"Authorization": f"Bearer {studio.server.access.ticket()}"}
    assert get(f"{studio.url}/api/preferences", headers=headers).status_code == 401


# ---- what every response says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/api/preferences", "/api/nothing", "/static/index.html", "/static/none", "/plotly.js", "/api/openapi.json"],
)
@pytest.mark.parametrize("known", [True, False])
def test_every_response_is_sealed(studio: Running, path: str, known: bool) -> None:
    headers = {"Authorization": f"Bearer {TOKEN if known else 'x'}"}
    answer = get(studio.url + path, headers=headers)
    said = answer.headers
    assert said["x-content-type-options"] == "nosniff"
    assert said["referrer-policy"] == "no-referrer"
    assert said["cross-origin-opener-policy"] == "same-origin"
    assert said["cross-origin-resource-policy"] == "same-origin"
    policy = said["content-security-policy"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert rule in policy
    assert "unsafe-eval" not in policy
    assert "server" not in said
    assert TOKEN not in answer.text
    assert not re.search(r"Bearer\s+\S{8}", answer.text)


@pytest.mark.parametrize(
    "target",
    [
        "/static/../settings.py",
        "/static/../../../../../../../../etc/passwd",
        "/static/%2e%2e/settings.py",
        "/static/..%2fsettings.py",
        "/static/%2e%2e%2fsettings.py",
        "/static/..%5csettings.py",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/./../routes/page.py",
        "/static/index.html/../../settings.py",
        "/static/index.html%00.js",
        "/static/%00",
        "/static/" + "a" * 5000,
        "/static/%ff%fe",
        "/static/",
        "/static",
        "/static/css/",
    ],
)
def test_static_files_are_those_of_the_page(studio: Running, target: str) -> None:
    answer = send(studio.port, request("GET", target, f"Host: 127.0.0.1:{studio.port}", BEARER))
    assert answer.status == 404
    assert answer.code == "missing"


def test_several_at_the_door_do_not_hinder_each_other(studio: Running) -> None:
    def attack() -> None:
        for _ in range(20):
            assert get(f"{studio.url}/api/preferences").status_code == 401

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert studio.client.get("/api/preferences").status_code == 200
    for thread in threads:
        thread.join()
