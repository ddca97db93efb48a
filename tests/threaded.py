"""A server of the product in a thread of this process, for as long as a context lasts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

from tests.waiting import PATIENCE


class Threaded:
    """What is alike for all of them. Whoever inherits sets `server`, and calls `begin` with what runs it."""

    server: Any  # a uvicorn server with an `access`

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failed: BaseException | None = None
        self._ready = threading.Event()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin(self, serve: Callable[[Callable[[], None]], Coroutine[Any, Any, Any]]) -> None:
        """Run what `serve` makes, which calls what it is given when the server is ready; wait for that."""

        def run() -> None:
            try:
                asyncio.run(serve(self._ready.set))
            except BaseException as error:  # noqa: BLE001 - the test's thread raises it
                self.failed = error
            finally:
                self._ready.set()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the server does not start"
        self._check()

    def stop(self) -> None:
        """As a signal stops it."""
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server does not stop"
        self._check()

    @property
    def port(self) -> int:
        return int(self.server.access.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _check(self) -> None:
        if self.failed is not None:
            raise self.failed
