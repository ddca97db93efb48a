"""A judge behind a real HTTP server on this machine."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from midcourse.attributes.predictors.judge import Judge, JudgeSettings
from midcourse.attributes.predictors.load import load
from midcourse.errors import EndpointError, UserError
from tests.attributes.predictors.sample import SCHEMA
from tests.waiting import PATIENCE

Answer = Callable[[int, dict[str, Any]], tuple[int, dict[str, str], str]]


class Server(ThreadingHTTPServer):
    """Answers as `answer(number of the request, its body)` says: status, headers, text."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer = lambda *_: (200, {}, said("length: 2\ncheer: 3"))
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.busy = self.busiest = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            number = len(self.server.bodies)
            self.server.bodies.append(body)
            self.server.headers.append({"path": self.path, **dict(self.headers)})
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        status, headers, text = self.server.answer(number, body)
        with self.server.lock:
            self.server.busy -= 1
        if not status:
            self.connection.close()  # hangs up
            return
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(text.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, ValueError):  # we hung up, or the client did
            super().handle()


def said(content: str) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]})


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


QUICK: dict[str, Any] = {"wait": 0.001, "retries": 3}


@pytest.fixture
def judge(server: Server) -> Iterator[Callable[..., Judge]]:
    made: list[Judge] = []

    def make(key: str | None = None, **settings: Any) -> Judge:
        secret = SecretStr(key) if key else None
        made.append(Judge(server.url, "a-judge", SCHEMA, JudgeSettings(**QUICK | settings), secret))
        return made[-1]

    yield make
    for one in made:
        one.close()


def conversation(text: str = "It is cold.") -> list[dict[str, str]]:
    return [{"role": "user", "content": "Say something."}, {"role": "assistant", "content": text}]


def test_values_come_from_the_reply(server: Server, judge: Callable[..., Judge]) -> None:
    (found,) = judge(key="secret").predict([conversation()])
    assert found.values == {"length": 2.0, "cheer": 3.0}
    assert found.deviation == {}
    assert server.headers[0]["path"] == "/v1/chat/completions"
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert server.bodies[0]["model"] == "a-judge"
    assert server.bodies[0]["temperature"] == 0
    assert "It is cold." in server.bodies[0]["messages"][-1]["content"]


def test_order_is_kept_and_no_more_are_under_way_than_allowed(server: Server, judge: Callable[..., Judge]) -> None:
    several = threading.Event()

    def answer(_: int, body: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        text = body["messages"][-1]["content"]
        if server.busy > 1:
            several.set()
        assert several.wait(PATIENCE)  # until two are under way
        return 200, {}, said(f"length: {text.partition('number ')[2][0]}\ncheer: 0")

    server.answer = answer
    found = judge(concurrency=3).predict([conversation(f"number {number % 5}") for number in range(20)])
    assert [one.values["length"] for one in found] == [number % 5 for number in range(20)]
    assert 2 <= server.busiest <= 3


@pytest.mark.parametrize("fault", [429, 500, 503, 0])
def test_what_passes_is_tried_again(server: Server, judge: Callable[..., Judge], fault: int) -> None:
    server.answer = lambda number, _: (fault, {}, "busy") if number < 2 else (200, {}, said("length: 1\ncheer: 1"))
    (found,) = judge().predict([conversation()])
    assert found.values == {"length": 1.0, "cheer": 1.0}
    assert len(server.bodies) == 3


def test_it_waits_as_long_as_the_server_says(
    server: Server, judge: Callable[..., Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("midcourse.remote.asyncio.sleep", sleep)
    server.answer = lambda number, _: (
        (429, {"retry-after": "7"}, "slow down") if number < 1 else (200, {}, said("length: 1\ncheer: 1"))
    )
    judge().predict([conversation()])
    assert [7 * 0.75 <= wait <= 7 * 1.25 for wait in waits] == [True]


def test_what_does_not_pass_stops_with_what_the_server_said(server: Server, judge: Callable[..., Judge]) -> None:
    server.answer = lambda *_: (401, {}, '{"error": "no such key"}')
    with pytest.raises(UserError, match=r"refuses: 401 .*no such key"):
        judge().predict([conversation()])
    assert len(server.bodies) == 1


def test_a_server_that_stays_busy_is_no_fault_of_the_user(server: Server, judge: Callable[..., Judge]) -> None:
    server.answer = lambda *_: (503, {}, "loading")
    with pytest.raises(EndpointError, match="after 4 tries: 503 loading; go on when it does") as raised:
        judge().predict([conversation()])
    assert raised.value.exit_code == 1


def test_nobody_there() -> None:
    nobody = Judge("http://127.0.0.1:1/v1", "", SCHEMA, JudgeSettings(wait=0.001, retries=1))
    with pytest.raises(EndpointError, match="does not answer, after 2 tries"):
        nobody.predict([conversation()])
    nobody.close()


def test_a_reply_that_says_nothing_is_asked_for_again_then_missing(server: Server, judge: Callable[..., Judge]) -> None:
    server.answer = lambda number, _: (200, {}, said(["I would rather not.", "length: 4", "hm"][min(number, 2)]))
    asked = judge()
    (found,) = asked.predict([conversation()])
    assert found.values == {"length": 4.0}
    assert len(server.bodies) == 4
    assert asked.incomplete == 1


def test_several_samples_have_a_mean_and_a_deviation(server: Server, judge: Callable[..., Judge]) -> None:
    server.answer = lambda number, _: (200, {}, said(f"length: {1 + 2 * (number % 2)}\ncheer: 2"))
    (found,) = judge(samples=2, temperature=1.0).predict([conversation()])
    assert found.values == {"length": 2.0, "cheer": 2.0}
    assert found.deviation == {"length": pytest.approx(2**0.5), "cheer": 0.0}


def test_what_is_no_chat_completion(server: Server, judge: Callable[..., Judge]) -> None:
    server.answer = lambda *_: (200, {}, "<html>hello</html>")
    with pytest.raises(UserError, match="is no JSON: <html>hello"):
        judge().predict([conversation()])


def test_json_that_is_no_chat_completion(server: Server, judge: Callable[..., Judge]) -> None:
    server.answer = lambda *_: (200, {}, '{"choices": []}')
    with pytest.raises(UserError, match="is no chat completion"):
        judge().predict([conversation()])


def test_by_name(server: Server) -> None:
    found = load(f"judge:{server.url}#a-judge", SCHEMA)
    assert isinstance(found, Judge)
    assert found.model == "a-judge"
    assert found.name.startswith("a-judge-")
    assert found.source == f"{server.url}#a-judge"
    assert found.predict([conversation()])[0].values == {"length": 2.0, "cheer": 3.0}
    found.close()
    with pytest.raises(UserError, match="knows no attributes by itself"):
        load(f"judge:{server.url}#a-judge")
    with pytest.raises(UserError, match="is no address for the judge"):
        load("judge:localhost:8000", SCHEMA)


def test_a_judge_that_never_gives_a_value_is_not_asked_ten_thousand_times(
    server: Server, judge: Callable[..., Judge]
) -> None:
    server.answer = lambda *_: (200, {}, said("I would rather not say."))
    quiet = judge(retries=0)
    assert [one.values for one in quiet.predict([conversation()] * 7)] == [{}] * 7
    with pytest.raises(UserError, match=r"asked about 8 answers, .* it says: I would rather not say\."):
        quiet.predict([conversation()])
    server.answer = lambda number, _: (200, {}, said("length: 2" if number == 8 else "no"))
    rare = judge(retries=0)
    assert len(rare.predict([conversation()] * 20)) == 20
    assert rare.incomplete == 20
