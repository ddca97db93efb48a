"""One client for other people's servers: retries with backoff, time-outs, several requests at a time, and streams.

What may pass by itself (no connection, a time-out, 408, 429, 5xx) is tried again, after a wait that doubles and is as
long as the server says; what will not (a wrong key, a wrong model) stops at once. A stream is tried again only as long
as nothing of it has come.

Representation: an event loop in a thread of its own, in which all requests run; callers wait, as many threads as like.
Invariant: when a call has returned or a stream is closed, nothing of it is under way: the connection is closed, so that
the server stops, too.
"""

from __future__ import annotations

import asyncio
import json
import queue
import random
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from midcourse.errors import EndpointError, MidcourseError, UserError

AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}
LONGEST_WAIT = 60.0
LOOK = 0.02  # seconds between two looks at whether a stream has been cancelled
KEEP = 2.0  # seconds for which an idle connection is kept: servers close theirs without a word
Value = TypeVar("Value")


class RemoteSettings(BaseModel):
    """How patient one is with a server."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests under way at a time."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds to wait for a reply, or for the next piece of one."""
    retries: int = Field(default=5, ge=0)
    """How often to try again."""
    wait: float = Field(default=0.5, ge=0)
    """Seconds before the first time; each further wait is twice as long, and at most a minute."""


class Refused(UserError):
    """The server has understood and will not: `status` is its code, `said` the beginning of what it says."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status, self.said = status, said


class Remote:
    """A server behind an address such as `http://127.0.0.1:8000`; `who` is what messages call it."""

    def __init__(
        self,
        url: str,
        settings: RemoteSettings = RemoteSettings(),  # noqa: B008 - frozen
        key: SecretStr | None = None,
        who: str = "the endpoint",
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UserError(f"{url!r} is no address for {who}: it begins with http:// or https://")
        self.url = url.rstrip("/")
        self.settings = settings
        self.who = who
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        limits = httpx.Limits(max_connections=settings.concurrency, keepalive_expiry=KEEP)
        timeout = httpx.Timeout(settings.timeout, pool=None)
        self._client = httpx.AsyncClient(timeout=timeout, headers=headers, limits=limits)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    # ---- for callers ---------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """What the server says under `path`, as JSON. Raises `Refused`, `EndpointError`, `UserError` for no JSON."""
        return self.run(self.ask("GET", path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the server answers to `body`; see `get`."""
        return self.run(self.ask("POST", path, body))

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Wait for a coroutine that runs beside all the others; interrupted, it is cancelled first.

        Of several requests in a group that fail, the first error of ours is raised as it is.
        """
        running = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return running.result()
        except ExceptionGroup as group:
            ours: Exception | None = group.subgroup(MidcourseError)
            while isinstance(ours, ExceptionGroup):
                ours = ours.exceptions[0]
            raise ours or group from None
        except BaseException:
            running.cancel()
            raise

    def iterate(self, steps: AsyncIterator[Value], cancel: threading.Event | None = None) -> Iterator[Value]:
        """The values of an asynchronous iterator, as they come; ends, and cancels it, when `cancel` is set."""
        came: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

        async def fill() -> None:
            try:
                async with aclosing(steps):  # type: ignore[type-var]
                    async for value in steps:
                        came.put((True, value))
                came.put((False, None))
            except Exception as error:  # noqa: BLE001 - raised where the values are taken
                came.put((False, error))

        over = threading.Event()
        running = asyncio.run_coroutine_threadsafe(_then(fill(), over.set), self._started())
        try:
            while not (cancel is not None and cancel.is_set()):
                try:
                    more, value = came.get(timeout=LOOK)
                except queue.Empty:
                    continue
                if not more:
                    if value is not None:
                        raise value
                    return
                yield value
        finally:
            running.cancel()
            over.wait(LONGEST_WAIT)

    def close(self) -> None:
        """Close its connections. May be called more than once."""
        with self._lock:
            closed, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
        if closed:
            return
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._client.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    # ---- in the loop ---------------------------------------------------------------------------------------------

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, retries: int | None = None
    ) -> Any:
        """One request and its reply; tried again as often as the settings say, or `retries` times."""
        patience = _Patience(self, retries)
        while True:
            try:
                response = await self._client.request(method, self.url + path, json=body)
            except httpx.TransportError as error:
                await patience.after(_why(error))
                continue
            if response.status_code in AGAIN:
                await patience.after(f"{response.status_code} {said(response.text)}", _after(response))
                continue
            self._check(response.status_code, response.text)
            try:
                return response.json()
            except ValueError:
                raise UserError(f"what {self.url + path} answers is no JSON: {said(response.text)}") from None

    async def events(self, path: str, body: Mapping[str, Any], *, done: bool = False) -> AsyncIterator[Any]:
        """The server-sent events of a reply, each as JSON, up to `[DONE]` or the end.

        With `done` a server is known to say `[DONE]`: raises `EndpointError` for a stream that ends without it.
        """
        patience, begun = _Patience(self), False
        while True:
            try:
                async with self._client.stream("POST", self.url + path, json=body) as response:
                    if response.status_code == 200:
                        async for line in response.aiter_lines():
                            begun = True
                            if line.startswith(("data:", "error:")):
                                event = self._event(line.partition(":")[2].strip())
                                if event is None:
                                    return
                                yield event
                        if done:
                            raise EndpointError(f"{self.who} at {self.url} broke off in mid-answer: nothing more came")
                        return
                    text = (await response.aread()).decode(errors="replace")
                    wait = _after(response)
            except httpx.TransportError as error:
                if begun:
                    raise EndpointError(f"{self.who} at {self.url} broke off in mid-answer: {_why(error)}") from None
                await patience.after(_why(error))
                continue
            if response.status_code not in AGAIN:
                self._check(response.status_code, text)
            await patience.after(f"{response.status_code} {said(text)}", wait)

    def _event(self, data: str) -> Any:
        """An event's value; None where it says that it was the last one."""
        if data == "[DONE]":
            return None
        try:
            value = json.loads(data)
        except ValueError:
            raise UserError(f"what {self.url} streams is no JSON: {said(data)}") from None
        if isinstance(value, dict) and (wrong := value.get("error")):
            code = wrong.get("code") if isinstance(wrong, dict) else None
            self._check(code if isinstance(code, int) else 400, data)
        return value

    def _check(self, status: int, text: str) -> None:
        if status >= 300:
            raise Refused(f"{self.who} at {self.url} refuses: {status} {said(text)}", status, said(text))

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            assert not self._closed, "a client that was closed"
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="remote", daemon=True)
                self._thread.start()
            return self._loop


class _Patience:
    """How often, and after what wait, one request is tried again."""

    def __init__(self, remote: Remote, retries: int | None = None) -> None:
        self.remote, self.turn, self.wait = remote, 0, remote.settings.wait
        self.retries = remote.settings.retries if retries is None else retries

    async def after(self, why: str, at_least: float = 0.0) -> None:
        """Wait before the next try. Raises `EndpointError` if there is none."""
        self.turn += 1
        if self.turn > self.retries:
            tries = f"{self.turn} {'try' if self.turn == 1 else 'tries'}"
            raise EndpointError(f"{self.remote.who} at {self.remote.url} does not answer, after {tries}: {why}")
        wait = min(max(self.wait, at_least), LONGEST_WAIT)
        self.wait = 2 * wait
        await asyncio.sleep(wait * (0.75 + 0.5 * random.random()))  # not all at the same moment


async def _then(work: Coroutine[Any, Any, None], after: Any) -> None:
    try:
        with suppress(asyncio.CancelledError):
            await work
    finally:
        after()


def said(text: str) -> str:
    """The beginning of what a server says, in a line; its own message, where it says that in the usual form."""
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        error = json.loads(text)["error"]
        text = error if isinstance(error, str) else error["message"]
    return " ".join(str(text).split())[:200]


def _why(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__


def _after(response: httpx.Response) -> float:
    """Seconds that the server wants us to wait; 0 where it does not say."""
    try:
        return max(0.0, float(response.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0
