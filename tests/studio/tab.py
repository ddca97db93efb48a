"""A tab of the page without a page: it listens to the events of a trace and reduces them as the page does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

from tests.studio.sse import events
from tests.waiting import PATIENCE


class Page:
    """What a page makes of the events it hears; `misfits` are those that did not follow from the ones before."""

    def __init__(self) -> None:
        self.trace: dict[str, Any] = {}
        self.rows: dict[str, Any] = {}
        self.misfits: list[tuple[str, Any]] = []

    def hear(self, kind: str, data: Any) -> None:
        now = self.trace
        if kind == "trace":
            if data["keep"] > len(now.get("tokens", [])):
                self.misfits.append((kind, data))
            self.trace = {**data, "keep": 0, "tokens": now.get("tokens", [])[: data["keep"]] + data["tokens"]}
        elif kind == "token":
            if (data["version"], data["depth"]) != (now["version"], len(now["tokens"])):
                self.misfits.append((kind, data))
            now["tokens"].append(data["token"])
        elif kind == "run":
            if data["version"] != now["version"]:
                self.misfits.append((kind, data))
            self.trace = {**now, "run": data["run"]}
        elif kind == "row":
            self.rows[data["id"]] = data

    @property
    def version(self) -> int:
        return int(self.trace["version"])

    @property
    def ids(self) -> list[int]:
        return [token["id"] for token in self.trace["tokens"]]


class Tab(Page):
    """A page with a connection."""

    def __init__(self, url: str, token: str, trace: str | None = None) -> None:
        super().__init__()
        headers = {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False)
        self.watched = trace
        self.events: list[tuple[str, Any, float]] = []
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._response: httpx.Response | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait(lambda: bool(self.events) and (self.watched is None or bool(self.trace)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go away, as a tab that is closed."""
        self._closing = True
        if self._response is not None:
            stream = self._response.extensions.get("network_stream")
            if stream is not None:
                with suppress(OSError):
                    stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self.client.close()

    def wait(self, until: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        with self._news:
            while not until():
                left = end - time.monotonic()
                assert left > 0, f"it did not become so; last: {self.events[-3:]}"
                self._news.wait(min(left, 1))

    def wait_idle(self) -> None:
        """Wait until the model has stopped."""
        self.wait(lambda: self.trace["run"]["state"] == "idle")

    @property
    def text(self) -> str:
        return "".join(token["text"] for token in self.trace["tokens"])

    def post(self, command: str, expect: int = 200, **body: Any) -> dict[str, Any]:
        """A command for the version that this tab sees, unless `version` says another."""
        if command not in ("stop", "next"):
            body.setdefault("version", self.version)
        response = self.client.post(f"/api/traces/{self.watched}/{command}", json=body)
        assert response.status_code == expect, response.text
        found: dict[str, Any] = response.json()
        if response.status_code < 300 and command != "next":
            self.wait(lambda: self.version >= found["version"])
        return found

    def get(self) -> dict[str, Any]:
        """The trace, asked for anew."""
        response = self.client.get(f"/api/traces/{self.watched}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def _listen(self) -> None:
        params = {} if self.watched is None else {"trace": self.watched}
        try:
            with self.client.stream("GET", "/api/events", params=params, timeout=None) as response:
                self._response = response
                assert response.status_code == 200
                for kind, data in events(response):
                    self._hear(kind, data)
        except httpx.HTTPError:
            if not self._closing:
                self.events.append(("lost", None, time.monotonic()))

    def _hear(self, kind: str, data: Any) -> None:
        with self._news:
            self.hear(kind, data)
            self.events.append((kind, data, time.monotonic()))
            self._news.notify_all()


def begin(
    client: httpx.Client,
    said: str = "go on",
    *,
    go_on: bool = True,
    attributes: dict[str, float] | None = None,
    **sampling: Any,
) -> str:
    """A new conversation; returns its id."""
    body = {"messages": [{"role": "user", "content": said}], "go_on": go_on, "sampling": sampling}
    body["attributes"] = attributes or {}
    response = client.post("/api/traces", json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["trace"])
