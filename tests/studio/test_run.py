"""The studio as a process of its own: what it says, how it ends, and that secrets stay where they belong."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from midcourse.store import Store
from tests import forked
from tests.ran import Ran
from tests.studio.raw import request
from tests.studio.tab import Tab, begin
from tests.waiting import PATIENCE

HOW: dict[str, Any] = {"trust_env": False, "timeout": PATIENCE}
get, put = (partial(verb, **HOW) for verb in (httpx.get, httpx.put))
PAGE = re.compile(r"http://[0-9.:]+/(?:\?token=(\S+))?")


class Child:
    """`midcourse studio`, and all that it has written to standard error so far; `by` starts it."""

    def __init__(
        self, folder: Path, given: dict[str, Any], variables: dict[str, str], by: type[subprocess.Popen[Any]]
    ) -> None:
        flags = [f"--{name}={value}" for name, value in ({"store": folder / "a.db", "port": 0} | given).items()]
        command = [sys.executable, "-m", "midcourse", "studio", *flags]
        own = {
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "OMP_NUM_THREADS": "1",
            "MIDCOURSE_BROWSER": "no",
        }
        self.process = by(
            command,
            stderr=subprocess.PIPE,
            env=os.environ | own | variables,
            text=True,
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, text: str) -> str:
        """The first line with this text."""
        with self._more:
            assert self._more.wait_for(lambda: self._line(text) or not self._reader.is_alive(), PATIENCE), self.lines
        line = self._line(text)
        assert line is not None, self.lines
        return line

    def end(self, number: int) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.read_on()
        return code

    def read_on(self) -> None:
        """Read all that an ended process has said."""
        self._reader.join(PATIENCE)

    @property
    def url(self) -> str:
        return self.wait("http://").partition(": ")[2].partition("?")[0]

    @property
    def token(self) -> str:
        return self.wait("http://").partition("token=")[2]

    def _line(self, text: str) -> str | None:
        return next((line for line in self.lines if text in line), None)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                with self._more:
                    self.lines.append(line.rstrip("\n"))
                    self._more.notify_all()
        with self._more:
            self._more.notify_all()


@contextmanager
def started(
    folder: Path,
    variables: dict[str, str] | None = None,
    by: type[subprocess.Popen[Any]] = forked.Popen,
    **given: Any,
) -> Iterator[Child]:
    """With these flags and environment."""
    child = Child(folder, given, variables or {}, by)
    try:
        yield child
    finally:
        child.process.kill()
        child.process.wait(PATIENCE)
        child.read_on()


def test_from_start_to_ctrl_c(model: Path, tmp_path: Path) -> None:
    with started(tmp_path, by=subprocess.Popen, model=model) as child:
        url, token = child.url, child.token
        with httpx.Client(base_url=url, follow_redirects=True, **HOW) as browser:
            waiting = browser.get(f"/?token={token}")  # it answers at once
            while waiting.status_code == 503:
                assert "being loaded" in waiting.text
                asked = browser.get("/api/preferences")
                assert asked.status_code == 200 or asked.json()["error"]["code"] == "starting"
                waiting = browser.get("/")
            assert waiting.status_code == 200
            changed = browser.put("/api/preferences", json={"author": "me"}, headers={"Origin": url.rstrip("/")})
            assert changed.status_code == 200
            secret = browser.cookies[f"midcourse-{httpx.URL(url).port}"]
            browser.get(f"/api/nothing?token={token}")
            browser.get(f"/{token}/%0d%0a12:00:00%20forged%1b[31m", headers={"Authorization": f"Bearer {token}"})
            browser.get(f"/?token={token}x")
        second = subprocess.run(
            [sys.executable, "-m", "midcourse", "studio", "--store", str(tmp_path / "a.db"), "--no-browser"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        [line] = second.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert url in line
        assert child.end(signal.SIGINT) == 130
        said = "\n".join(child.lines)
        assert "Traceback" not in said
        assert re.search(r"^\d\d:\d\d:\d\d PUT /api/preferences 200 \d+ ms$", said, re.MULTILINE)
        assert re.search(r"^\d\d:\d\d:\d\d GET /api/nothing 404 \d+ ms$", said, re.MULTILINE)
        assert sum(token in line for line in child.lines) == 1
        assert secret not in said
        assert not [line for line in child.lines if line.startswith("12:00:00")]
        assert "\x1b" not in said
        assert not list(tmp_path.glob("*.db-wal")), "the store was not closed"


def test_an_open_page_goes_on_after_a_kill(model: Path, tmp_path: Path) -> None:
    with started(tmp_path, model=model) as child:
        url = child.url
        port = httpx.URL(url).port
        child.wait("ready")
        cookies = get(f"{url}?token={child.token}").cookies
        assert put(
            f"{url}api/preferences", json={"author": "me"}, cookies=cookies, headers={"Origin": url[:-1]}
        ).is_success
        assert child.end(signal.SIGKILL) == -signal.SIGKILL
    with started(tmp_path, model=model, port=port) as child:
        child.wait("ready")
        assert get(f"{url}api/preferences", cookies=cookies).json()["author"] == "me"
        assert child.end(signal.SIGTERM) == 0
        assert child.lines[-1] == "the studio has ended; everything is in the store"


def test_the_browser_that_is_opened_gets_a_ticket(model: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "asked")
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "asked"}\n')
    browser.chmod(0o755)
    with started(tmp_path, {"BROWSER": str(browser), "MIDCOURSE_BROWSER": "yes"}, model=model) as child:
        with (tmp_path / "asked").open() as file:
            asked = file.read().strip()
        assert asked.startswith(f"{child.url}?token=")
        assert child.token not in asked
        opened = get(asked, follow_redirects=True)
        assert opened.status_code == 200
        assert get(asked).status_code == 401
        assert child.end(signal.SIGINT) == 130
        assert asked.partition("=")[2] not in "\n".join(child.lines)


def test_ctrl_c_while_the_model_is_loaded(model: Path, tmp_path: Path) -> None:
    with started(tmp_path, {"MIDCOURSE_TOKEN": "from-the-environment"}, by=subprocess.Popen, model=model) as child:
        assert child.token == "from-the-environment"
        child.wait("loading")
        assert child.end(signal.SIGINT) == 130
        assert len(child.lines) <= 5  # a quick machine has loaded it by now
        assert "Traceback" not in "\n".join(child.lines)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"model": "nothing-here"}, "nothing-here"),
        ({"adapter": "nothing-here"}, "nothing-here"),
        ({"store": "nosuch://x"}, "nosuch"),
    ],
    ids=str,
)
def test_what_cannot_be_opened_ends_it(
    mc: Callable[..., Ran], model: Path, tmp_path: Path, given: dict[str, str], says: str
) -> None:
    flags = {"model": model, "store": tmp_path / "a.db", "port": 0, "token": "known"} | given
    ran = mc("studio", "--no-browser", *(f"--{name}={value}" for name, value in flags.items()))
    assert ran.code == 2
    *before, last = ran.err.strip().splitlines()
    assert last.startswith("error: ")
    assert says in last
    assert len(before) <= 3


def test_it_ends_in_mid_sentence_and_keeps_the_text(model: Path, tmp_path: Path) -> None:
    with started(tmp_path, model=model, token="known") as child:
        child.wait("ready")
        client = httpx.Client(base_url=child.url, headers={"Authorization": "Bearer known"}, **HOW)
        with client, Tab(child.url, "known", begin(client, max_tokens=4000, temperature=1.0)) as tab:
            tab.wait(lambda: len(tab.trace["tokens"]) > 20)
            headers = [f"Host: {client.base_url.netloc.decode()}", "Authorization: Bearer known"]
            headers += ["Content-Type: application/json", "Content-Length: 9"]  # and nothing comes
            with socket.create_connection(("127.0.0.1", client.base_url.port)) as half:
                half.sendall(request("PUT", "/api/preferences", *headers))
                assert child.end(signal.SIGTERM) == 0
            shown = [token["id"] for token in tab.trace["tokens"]]
    said = "\n".join(child.lines)
    assert "Traceback" not in said
    assert "Cancel" not in said
    assert child.lines[-1] == "the studio has ended; everything is in the store"
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}", create=False) as store:
        [row] = store.traces().rows
        stored = store.get(row.id)
        assert stored.answer(stored.head)[: len(shown)] == shown
