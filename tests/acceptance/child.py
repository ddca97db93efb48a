"""`midcourse` as a user runs it: a process of its own, on a small disk or without rights if need be, or on a terminal.

It starts at once (`tests.forked`), and limits itself before it is anything else.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from tests import forked
from tests.ran import Ran
from tests.waiting import PATIENCE


def command(*arguments: object, size: int | None = None, obey: bool = False) -> list[str]:
    """The command line: no file may grow beyond `size` bytes, and even root must `obey` the rights of files."""
    limits = ["tests.acceptance.limited", str(size or "-"), "none" if obey else "all"] if size or obey else []
    return [sys.executable, "-m", *limits, "midcourse", *map(str, arguments)]


def run(*arguments: object, size: int | None = None, obey: bool = False, said: str = "", **env: object) -> Ran:
    """Run a command to its end; `said` is its standard input."""
    return forked.run(
        command(*arguments, size=size, obey=obey),
        said=said,
        timeout=PATIENCE,
        env=os.environ | {name: str(value) for name, value in env.items()},
    )


def both(*commands: Sequence[object] | Callable[[], Ran]) -> list[Ran]:
    """Run several commands, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda one: one() if callable(one) else run(*one), commands))


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a command that is going to be killed or interrupted."""
    return forked.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(happened: Callable[[], Any], child: subprocess.Popen[Any]) -> Any:
    """Wait for what the child does; it must not end before."""
    limit = time.monotonic() + PATIENCE
    while not (found := happened()):
        assert child.poll() is None, f"the child ended by itself: {child.communicate()}"
        assert time.monotonic() < limit, "the child is stuck"
        time.sleep(0.001)
    return found


def refused(ran: Ran, *says: str) -> None:
    """The command ended as one that was given something bad: exit code 2, nothing printed, one clear message."""
    assert ran.code == 2, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    assert ran.err.strip().splitlines()[-1] == errors[0]
    for word in says:
        assert word in errors[0]


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments: object) -> None:
        self.master, slave = pty.openpty()
        self.child = forked.Popen(
            command(*arguments), stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "xterm-256color"}
        )
        os.close(slave)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self.master)

    def type(self, line: str) -> None:
        os.write(self.master, line.encode() + b"\n")

    def read(self) -> str:
        """What is shown next; empty when the command has ended."""
        ready, _, _ = select.select([self.master], [], [], 60)
        assert ready, f"nothing is shown any more after {self.shown[-500:]!r}"
        try:
            new = os.read(self.master, 4096).decode(errors="replace")
        except OSError:  # nobody holds the other side any more
            new = ""
        self.shown += new
        return new

    def wait(self, pattern: str) -> str:
        """Read until `pattern` is shown; what was shown up to its end is taken and returned."""
        limit = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < limit, f"{pattern!r} is not shown: {self.shown[-500:]}"
            assert self.read(), f"it ended before {pattern!r} was shown: {self.shown[-500:]}"
        taken, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return taken

    def press_ctrl_c(self) -> None:
        """SIGINT once the command waits for a line: Python's `input` keeps one that falls between prompt and read."""
        state = Path(f"/proc/{self.child.pid}/stat")
        until(lambda: state.read_text().rpartition(") ")[2].startswith("S"), self.child)
        self.child.send_signal(signal.SIGINT)

    def finish(self) -> tuple[int, str]:
        """Read to the end; the exit code and what was shown."""
        while self.read():
            pass
        return self.child.wait(timeout=PATIENCE), self.shown
