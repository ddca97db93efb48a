"""How much, in which form and how slowly: what a request may not do to the studio."""

from __future__ import annotations

import json
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from midcourse.studio.server import LARGE
from midcourse.web import bounds
from tests.studio.raw import dumps, read, request, send
from tests.studio.running import TOKEN, Running
from tests.waiting import PATIENCE

JSON = "Content-Type: application/json"
GOOD = dumps({"author": "me"})


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("store") / "traces.db") as running:
        yield running


def heads(studio: Running, *more: str) -> list[str]:
    return [f"Host: 127.0.0.1:{studio.port}", f"Authorization: Bearer {TOKEN}", *more]


def put(studio: Running, body: bytes, *headers: str) -> bytes:
    return request("PUT", "/api/preferences", *heads(studio, f"Content-Length: {len(body)}", *headers), body=body)


def alive(studio: Running) -> bool:
    return studio.client.get("/api/preferences").status_code == 200


# ---- form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kinds",
    [
        [],
        [""],
        ["text/plain"],
        ["application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=x"],
        ["text/json"],
        ["application/jsonp"],
        ["application/json-patch+json"],
        ["application/json, text/plain"],
        ["application/json; charset=utf-7"],
        ["application/json", "text/plain"],
        ["text/plain", "application/json"],
    ],
    ids=str,
)
def test_bodies_are_json(studio: Running, kinds: list[str]) -> None:
    answer = send(studio.port, put(studio, GOOD, *(f"Content-Type: {kind}" for kind in kinds)))
    assert answer.status == 415
    assert answer.code == "type"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_is_known(studio: Running, kind: str) -> None:
    assert send(studio.port, put(studio, GOOD, f"Content-Type: {kind}")).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b'{"author": "me"} {}',
        b'{"author": "\xff"}',
        b'{"author": "\\ud800"}',
        b'{"keys": {"\\udfff": "x"}}',
        b'{"unlikely": NaN}',
        b'{"unlikely": Infinity}',
        b'{"unlikely": -Infinity}',
        b'{"unlikely": 1e999}',
        b'{"unlikely": -0.0}',
        b'{"unlikely": ' + b"9" * 5000 + b"}",
        b'{"unlikely": ' + b"9" * 400 + b"}",
        b'{"unlikely": "0.5"}',
        b'{"taught": 1}',
        b'{"author": null}',
        b'{"nobody": 1}',
        b'{"author": "' + b"a" * 201 + b'"}',
        b'{"__proto__": {}}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"author": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"keys": ' + dumps({str(number): "x" for number in range(101)}) + b"}",
    ],
    ids=lambda body: body[:30],
)
def test_what_is_no_preference_is_refused(studio: Running, body: bytes) -> None:
    before = studio.client.get("/api/preferences").json()
    answer = send(studio.port, put(studio, body, JSON))
    assert answer.status in (400, 422), answer
    assert answer.code == "input"
    assert len(answer.body) < 20_000, "the answer repeats what was sent"
    assert studio.client.get("/api/preferences").json() == before


# ---- size --------------------------------------------------------------------------------------------------------


def test_a_body_that_names_too_great_a_length_is_refused_unread(studio: Running) -> None:
    for length in (bounds.BODY + 1, 10**15):
        said = request("PUT", "/api/preferences", *heads(studio, JSON, f"Content-Length: {length}"))
        answer = send(studio.port, said)
        assert answer.status == 413
        assert answer.code == "large"


def test_a_body_without_a_length_is_not_kept(studio: Running) -> None:
    said = request("PUT", "/api/preferences", *heads(studio, JSON, "Transfer-Encoding: chunked"))
    piece = b" " * 2**20
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    tracemalloc.start()
    answer = send(studio.port, said, *[chunk] * 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status in (413, 0)
    assert peak < 5 * bounds.BODY
    assert alive(studio)


def test_imports_have_a_bound_of_their_own(studio: Running) -> None:
    for path, length, status in (
        ("/api/import", LARGE["/api/import"] + 1, 413),
        ("/api/traces", LARGE["/api/import"], 413),
        ("/api/import/", LARGE["/api/import"], 413),
    ):
        answer = send(studio.port, request("POST", path, *heads(studio, JSON, f"Content-Length: {length}")))
        assert answer.status == status


@pytest.mark.parametrize("length", ["-1", "+5", "5, 5", "x", "1e3", "0x10", "９", ""])
def test_strange_lengths_are_refused(studio: Running, length: str) -> None:
    said = request("PUT", "/api/preferences", *heads(studio, JSON)).replace(
        b"\r\n\r\n", b"\r\nContent-Length: " + length.encode() + b"\r\n\r\n"
    )
    assert send(studio.port, said + GOOD).status in (400, 413, 422)
    assert alive(studio)


def test_no_request_hides_behind_another(studio: Running) -> None:
    """A length and a transfer encoding together are how one request is smuggled behind another."""
    hidden = request("GET", "/api/preferences", "Host: evil.example")
    for encoding in ("chunked", "xchunked", " chunked", "chunked, identity"):
        said = request(
            "PUT", "/api/preferences", *heads(studio, JSON, f"Transfer-Encoding: {encoding}", "Content-Length: 4")
        )
        answer = send(studio.port, said + b"0\r\n\r\n" + hidden)
        assert answer.status in (400, 403, 413, 422, 501)
    assert alive(studio)


def test_headers_are_bounded(studio: Running) -> None:
    long, many = ["X-Long: " + "a" * 200_000], [f"X-{number}: {'a' * 50}" for number in range(20_000)]
    for extra in (long, many):
        answer = send(studio.port, request("GET", "/api/preferences", *heads(studio, *extra)))
        assert answer.status in (400, 431, 0)
    assert send(studio.port, b"GET /" + b"a" * 200_000).status in (400, 414, 0)
    assert alive(studio)


def test_nonsense_is_refused(studio: Running) -> None:
    host = f"Host: 127.0.0.1:{studio.port}\r\n\r\n".encode()
    for said in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 300,  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n" + host,
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A" * 70_000,
    ):
        assert send(studio.port, said).status in (0, 400, 401, 403, 505), said[:30]
    for method in ("TRACE", "CONNECT", "DEBUG", "PROPFIND", "GET\x00"):
        assert send(studio.port, request(method, "/", *heads(studio))).status in (400, 405)
    assert alive(studio)


# ---- time --------------------------------------------------------------------------------------------------------


def test_who_says_nothing_is_left(studio: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEADERS_IN", 0.2)
    for said in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        assert send(studio.port, said).status == 0


def test_who_says_little_after_a_first_request_is_left(studio: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_connection(("127.0.0.1", studio.port), timeout=PATIENCE) as connection:
        connection.sendall(request("GET", "/api/preferences", *heads(studio)))
        assert read(connection).status == 200
        monkeypatch.setattr(bounds, "HEADERS_IN", 0.3)
        connection.settimeout(0.05)
        for byte in b"GET /api/preferences HTTP/1.1\r\nX: " + b"x" * 1000:
            try:
                connection.sendall(bytes([byte]))
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
    pytest.fail("the connection was kept")


def test_a_slow_body_is_refused(studio: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BODY_IN", 0.2)
    answer = send(studio.port, request("PUT", "/api/preferences", *heads(studio, JSON, "Content-Length: 10")) + b"{")
    assert answer.status == 408
    assert answer.code == "slow"


def test_many_idle_connections_do_not_keep_others_out(studio: Running) -> None:
    idle = [socket.create_connection(("127.0.0.1", studio.port)) for _ in range(100)]
    try:
        assert alive(studio)
    finally:
        for connection in idle:
            connection.close()


def test_answers_can_be_pipelined(studio: Running) -> None:
    """Order is kept, and a refused request does not poison the next one."""
    with socket.create_connection(("127.0.0.1", studio.port), timeout=PATIENCE) as connection:
        for method, path, status in (("GET", "/api/nothing", 404), ("GET", "/api/preferences", 200)):
            connection.sendall(request(method, path, *heads(studio)))
            assert read(connection).status == status


def test_a_large_body_within_bounds_is_taken(studio: Running) -> None:
    body = json.dumps({"system": "ä" * 100_000}, ensure_ascii=False).encode()
    assert send(studio.port, put(studio, body + b" " * 2**20, JSON)).status == 200
    assert studio.client.get("/api/preferences").json()["system"] == "ä" * 100_000


def test_who_never_reads_does_not_hold_up_the_end(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Running(model, tmp_path / "traces.db") as running:
        running.server.config.timeout_graceful_shutdown = 1
        asking = request("GET", "/plotly.js", *heads(running))  # some megabytes
        stalled = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(5)]
        for connection in stalled:
            connection.sendall(asking)
            assert connection.recv(10).startswith(b"HTTP/1.1 2")
        assert alive(running)
    for connection in stalled:
        connection.close()
    assert "Traceback" not in caplog.text
