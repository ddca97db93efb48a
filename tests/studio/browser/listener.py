"""A client of the API that listens to events in a thread and keeps what a page would show, in plain lists."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

from tests.studio.browser.process import Studio
from tests.studio.sse import events
from tests.waiting import PATIENCE


class Listener:
    """Follows one trace (or none) while this context lasts, by the rules of the API.

    Invariant: `view` and its tokens are what the server has said, whatever is missed; an event that does not fit ends
    the test, as nothing is lost on a connection that stands.
    """

    def __init__(self, studio: Studio, trace: str | None = None) -> None:
        self.studio, self.id = studio, trace
        self.view: dict[str, Any] | None = None
        self.seen: list[tuple[str, Any]] = []
        self.times: list[float] = []  # parallel to `seen`
        self.problem: str | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._leaving = False

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait(lambda: self.seen and (self.id is None or self.view), "the first event")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        if kind is None:
            assert self.problem is None, self.problem

    def leave(self) -> None:
        """Hang up."""
        self._leaving = True
        with suppress(OSError):  # the server was killed before
            self._stream.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)

    def wait(self, happened: Callable[[], Any], what: str = "it") -> Any:
        """Until `happened()` is true after some event."""
        with self._changed:
            done = self._changed.wait_for(lambda: self.problem or happened(), PATIENCE)
            assert self.problem is None, self.problem
            assert done, f"{what} does not happen; the last events: {self.seen[-3:]}"
            return done

    @property
    def text(self) -> str:
        """The answer as a page would show it."""
        assert self.view is not None
        return "".join(token["text"] for token in self.view["tokens"])

    @property
    def ids(self) -> list[int]:
        """The answer's ids."""
        assert self.view is not None
        return [token["id"] for token in self.view["tokens"]]

    @property
    def state(self) -> str:
        """What the model does with the trace."""
        assert self.view is not None
        return str(self.view["run"]["state"])

    @property
    def version(self) -> int:
        assert self.view is not None
        return int(self.view["version"])

    def idle(self) -> None:
        """Wait until the model does nothing more with the trace."""
        self.wait(lambda: self.state == "idle", "coming to rest")

    def tokens(self, count: int) -> None:
        """Wait until the answer has so many tokens."""
        self.wait(lambda: len(self.ids) >= count, f"writing {count} tokens")

    def _listen(self) -> None:
        query = {} if self.id is None else {"trace": self.id}
        try:
            with self.studio.new_client() as client, client.stream("GET", "/api/events", params=query) as self._stream:
                assert self._stream.status_code == 200, self._stream.read()
                for name, data in events(self._stream):
                    with self._changed:
                        self.seen.append((name, data))
                        self.times.append(time.perf_counter())
                        self._take(name, data)
                        self._changed.notify_all()
        except (httpx.HTTPError, httpx.StreamError, OSError, AssertionError) as error:
            if not self._leaving:
                with self._changed:
                    self.problem = self.problem or repr(error)
                    self._changed.notify_all()

    def _take(self, name: str, data: dict[str, Any]) -> None:
        if name == "trace" and data["id"] == self.id:
            keep = data["keep"]
            kept = self.view["tokens"][:keep] if self.view else []
            assert len(kept) == keep, f"{keep} tokens to keep of {len(kept)}"
            self.view = data | {"tokens": kept + data["tokens"]}
        elif name == "token" and data["trace"] == self.id:
            assert self.view is not None
            assert (data["version"], data["depth"]) == (self.view["version"], len(self.view["tokens"]))
            self.view["tokens"].append(data["token"])
        elif name == "run" and data["trace"] == self.id:
            assert self.view is not None
            self.view["run"] = data["run"]
