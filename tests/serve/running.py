"""A server that really runs: uvicorn on a free port in a thread, a tiny model, and OpenAI's own client."""

from __future__ import annotations

import json
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
from tests.threaded import Threaded
from tests.waiting import PATIENCE

NAME = "tiny"


class Running(Threaded):
    """A server for as long as this lasts; `client` is OpenAI's, `http` a plain one."""

    def __init__(self, model: Path, *, key: str | None = None, **settings: Any) -> None:
        self.settings = ServeSettings(model=str(model), **{"name": NAME, "port": 0, "api_key": key} | settings)
        super().__init__()
        self.key = key

    def __enter__(self) -> Self:
        given = adapters(self.settings.adapter, NAME)
        listening = listen.sockets(self.settings)
        self.server = run.made(run.granted(self.settings, listening))
        opened = run.opened(self.server, self.settings, given, self.said.append)
        self.begin(lambda ready: server.serve(self.server, listening, opened, ready))
        self.client = self.connect()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.http.close()
        super().__exit__(kind, error, trace)

    def connect(self, **given: Any) -> openai.OpenAI:
        """Another client."""
        return openai.OpenAI(
            base_url=f"{self.url}/v1",
            **{"api_key": self.key or "none", "max_retries": 0, "timeout": PATIENCE} | given,
        )

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


def said(text: str = "Why?", role: str = "user") -> list[Any]:
    """A conversation of one message."""
    return [{"role": role, "content": text}]
