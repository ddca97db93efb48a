"""A door in front of a real server, which lets less through: an endpoint that can do less than llama.cpp's own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

import httpx

from tests.waiting import PATIENCE

Refuse = Callable[[str, dict[str, Any]], tuple[int, str] | None]
Change = Callable[[dict[str, Any]], Any]


class Proxy(ThreadingHTTPServer):
    """Passes requests on to `upstream`, but for what `refuse` refuses; replies go through `change`.

    Streams end without a word after `cut_after` events.
    """

    daemon_threads = True

    def __init__(
        self,
        upstream: str,
        key: str,
        refuse: Refuse,
        change: Change = lambda value: value,
        *,
        cut_after: int | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self.refuse, self.change, self.cut_after = upstream, refuse, change, cut_after
        self.client = httpx.Client(
            headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self.bodies: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
        self.client.close()


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        found = self.server.client.get(self.server.upstream + self.path)
        self._reply(found.status_code, found.text)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        if refused := self.server.refuse(self.path, body):
            self._reply(refused[0], json.dumps({"error": {"message": refused[1]}}))
            return
        with self.server.client.stream("POST", self.server.upstream + self.path, json=body) as found:
            if not body.get("stream") or found.status_code != 200:
                text = found.read().decode()
                self._reply(found.status_code, self._changed(text) if found.status_code == 200 else text)
                return
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            lines = self._lines(found)
            for line in lines if self.server.cut_after is None else islice(lines, 2 * self.server.cut_after):
                self.wfile.write(f"{line}\n".encode())
                self.wfile.flush()

    def _lines(self, found: httpx.Response) -> Iterator[str]:
        for line in found.iter_lines():
            inner = line.removeprefix("data: ")
            yield f"data: {self._changed(inner)}" if inner.startswith("{") else line

    def _changed(self, text: str) -> str:
        return json.dumps(self.server.change(json.loads(text)))

    def _reply(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            super().handle()


# ---- what some endpoints refuse ----------------------------------------------------------------------------------

KNOWN = {"model", "prompt", "messages", "max_tokens", "temperature", "top_p", "seed", "stream", "logprobs"}
KNOWN |= {"top_logprobs"}


def text_only(path: str, body: dict[str, Any]) -> tuple[int, str] | None:
    """Prompts are text."""
    if isinstance(body.get("prompt"), list):
        return 400, "prompt must be a string"
    return None


def strict(path: str, body: dict[str, Any]) -> tuple[int, str] | None:
    """Text, no field that OpenAI's API does not know, and five alternatives at most."""
    if unknown := body.keys() - KNOWN:
        return 400, f"unknown fields: {', '.join(sorted(unknown))}"
    if isinstance(body.get("logprobs"), int) and body["logprobs"] > 5 and body["logprobs"] is not True:
        return 400, "logprobs must be at most 5"
    return text_only(path, body)


def chat_only(path: str, body: dict[str, Any]) -> tuple[int, str] | None:
    """Nothing but chats."""
    return None if path.endswith("/chat/completions") else (404, "not found")


def forgetful(path: str, body: dict[str, Any]) -> tuple[int, str] | None:
    """Chats in which an answer cannot be gone on with."""
    if body.get("messages", [{}])[-1].get("role") == "assistant":
        return 400, "the last message must come from the user"
    return chat_only(path, body)


def without_ids(reply: dict[str, Any]) -> dict[str, Any]:
    """Probabilities, of texts alone."""
    for choice in reply.get("choices", []):
        for one in (choice.get("logprobs") or {}).get("content") or []:
            one.pop("id", None)
            for other in one.get("top_logprobs", []):
                other.pop("id", None)
    return reply


def without_logprobs(reply: dict[str, Any]) -> dict[str, Any]:
    """No probabilities at all."""
    for choice in reply.get("choices", []):
        choice.pop("logprobs", None)
    return reply
