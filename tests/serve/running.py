"""A server that really runs: uvicorn on a free port in a thread, a tiny model, and OpenAI's own client."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import openai

from midcourse.serve import run
from midcourse.serve.names import adapters
from midcourse.serve.services import Services
from midcourse.serve.settings import ServeSettings
from midcourse.web import listen, server
from tests import waiting
from tests.waiting import PATIENCE

NAME = "tiny"


class Running:
    """A server for as long as this lasts; `client` is OpenAI's, `http` a plain one."""

    def __init__(self, model: Path, *, key: str | None = None, **settings: Any) -> None:
        self.settings = ServeSettings(model=str(model), **{"name": NAME, "port": 0, "api_key": key} | settings)
        self.key = key
        self.said: list[str] = []
        self.failed: BaseException | None = None
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        given = adapters(self.settings.adapter, NAME)
        listening = listen.sockets(self.settings)
        self.server = run.made(run.granted(self.settings, listening))
        opened = run.opened(self.server, self.settings, given, self.said.append)
        self._thread = threading.Thread(target=self._run, args=(listening, opened), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the server does not start"
        if self.failed is not None:
            raise self.failed
        self.client = self.connect()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.http.close()
        self.stop()

    def connect(self, **given: Any) -> openai.OpenAI:
        """Another client."""
        return openai.OpenAI(
            base_url=f"{self.url}/v1",
            **{"api_key": self.key or "none", "max_retries": 0, "timeout": PATIENCE} | given,
        )

    def stop(self) -> None:
        """As a signal stops it."""
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server does not stop"
        if self.failed is not None:
            raise self.failed

    @property
    def port(self) -> int:
        return self.server.access.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def services(self) -> Services:
        services: Services = self.server.door.app.state.services  # type: ignore[union-attr]
        return services

    @property
    def idle(self) -> bool:
        """Whether nothing is written and nothing waits."""
        writers = self.services.writers
        return not (writers.places.taken or writers.waiting or writers.desk.waiting)

    def wait(self, until: Callable[[], bool]) -> None:
        """Until something is so."""
        waiting.until(until)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def events(self, path: str, body: Any) -> Iterator[Any]:
        """The events of a stream, but for the last one, which has to be `[DONE]`."""
        with self.http.stream("POST", path, json=body) as answer:
            assert answer.status_code == 200, answer.read()
            lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
        assert lines[-1] == "[DONE]"
        for line in lines[:-1]:
            yield json.loads(line)

    def _run(self, listening: list[socket.socket], opened: server.Opened) -> None:
        try:
            asyncio.run(server.serve(self.server, listening, opened, self._ready.set))
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self.failed = error
        finally:
            self._ready.set()


def said(text: str = "Why?", role: str = "user") -> list[Any]:
    """A conversation of one message."""
    return [{"role": role, "content": text}]
