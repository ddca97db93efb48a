"""`midcourse studio` as a user starts it: a process of its own on a free port, which can be killed and started again.

Representation: the store and the file with the token stay in `folder`, so a second start is the same studio at the same
address. What the process says goes to the file `said`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from midcourse.store import Store
from midcourse.trace.tree import Trace
from tests import forked
from tests.ports import reserved
from tests.waiting import PATIENCE, until


class Studio:
    """A studio that runs while this context lasts. `model` is `bundled` or a folder."""

    def __init__(self, model: str | Path, folder: Path, *flags: object) -> None:
        self.model, self.folder, self.flags = model, folder, flags
        self._place = reserved()
        self.port: int = self._place.getsockname()[1]
        self.path = folder / "midcourse.db"
        self.process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.close()
        if self._client:
            self._client.close()
        assert self.process is not None
        try:
            code = self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        if kind is None:
            assert code in (0, 130), f"the studio ended with {code}:\n{self.said}"
            assert "Traceback" not in self.said, self.said

    # ---- the process ---------------------------------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> None:
        """Start it, for the first time or again; wait until the model is there."""
        words = ["studio", "--model", self.model, "--store", f"sqlite:///{self.path}", "--host", "127.0.0.1"]
        words += ["--port", self.port, "--no-browser", "--token-file", self.folder / "token", *self.flags]
        with self._log.open("ab") as log:
            self._begins = log.tell()
            self.process = forked.Popen(
                [sys.executable, "-m", "midcourse", *map(str, words)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until the model is loaded."""
        until(lambda: re.search(r"^ready$", self.said, re.MULTILINE), "being ready", self._alive)

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def restart(self) -> None:
        """End it as Ctrl-C does and start it again."""
        assert self.stop() in (0, 130), self.said
        self.start()

    @property
    def said(self) -> str:
        """What it has printed since it was started last."""
        with self._log.open("rb") as log:
            log.seek(self._begins)
            return log.read().decode(errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder / "said"

    def _alive(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the studio ended with {self.process.poll()}:\n{self.said}"
        return True

    # ---- the ways in ---------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The address that it has printed, with the token."""
        found = until(lambda: re.search(r"http://\S+/\?token=\S+", self.said), "printing its address", self._alive)
        return str(found[0])

    @property
    def origin(self) -> str:
        """Its address without path and token."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What an API client says to be let in."""
        return {"Authorization": f"Bearer {(self.folder / 'token').read_text().strip()}"}

    @property
    def client(self) -> httpx.Client:
        """A client of the API that is let in."""
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def new_client(self) -> httpx.Client:
        """Another client of the API that is let in."""
        return httpx.Client(base_url=self.origin, headers=self.headers, timeout=PATIENCE, trust_env=False)

    def post(self, path: str, body: Any = None, *, code: int = 200) -> Any:
        """The answer to a POST, which must have this status."""
        answered = self.client.post(f"/api{path}", json={} if body is None else body)
        assert answered.status_code == code, answered.text
        return answered.json()

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a GET."""
        answered = self.client.get(f"/api{path}", params=query)
        assert answered.status_code == 200, answered.text
        return answered.json()

    # ---- what it has stored --------------------------------------------------------------------------------------

    def store(self) -> Store:
        """Its store, opened by this process."""
        return Store.open(str(self.path), create=False)

    def trace(self, id: str) -> Trace:
        """A trace as it is on disk at this moment."""
        with self.store() as store:
            return store.get(id)

    def only(self) -> Trace:
        """The one trace that is stored."""
        with self.store() as store:
            [trace] = store.all()
        return trace

    def sound(self) -> None:
        """Everything that is stored keeps every invariant."""
        with self.store() as store:
            assert list(store.verify()) == []
