"""Processes that start at once: a server has imported what commands import, and forks one for each.

A command that runs a model imports torch and transformers first: seconds, and the same in every process. `Popen` here
is `subprocess.Popen` for `python -m MODULE …` without them. What it starts is a process like any other and a child of
this one, with its own id, files, environment, signals and end; only its modules are there already, and the order of its
sets is that of its siblings. Where the environment decides something before a command runs, and where this is no Linux,
it is started from nothing.

The server forks twice. The process between ends at once, and the kernel gives its child to the nearest ancestor that
adopts: the one with the tests, as long as it waits for the answer.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.ran import Ran

MODULES = (
    "midcourse.cli",
    "midcourse.studio.run",
    "midcourse.serve.run",
    "peft",
    "safetensors.torch",
    "transformers.trainer",
    "transformers.models.llama.modeling_llama",
)
EARLY = ("HF_", "LD_", "MKL_", "OMP_", "PYTHON", "TOKENIZERS_", "TORCH", "TRANSFORMERS_")  # read by these or by Python
REQUEST = 200_000  # bytes at most
ADOPTS = 36  # PR_SET_CHILD_SUBREAPER

_one_at_a_time = threading.Lock()


class Popen(subprocess.Popen[Any]):
    """`subprocess.Popen`; at once for `[sys.executable, "-m", module, *arguments]`."""

    def _execute_child(self, args: Sequence[str], *rest: Any) -> None:
        folder, given, pipes, leads = rest[4], rest[5], rest[9:15], rest[20]
        environment = dict(os.environ if given is None else given)
        module = list(args[:2]) == [sys.executable, "-m"]
        if sys.platform != "linux" or not module or _early(environment) != _early(os.environ):
            super()._execute_child(args, *rest)  # type: ignore[misc]
            return
        request = {
            "words": args[2:],
            "folder": os.path.abspath(folder or ""),
            "environment": environment,
            "leads": leads,
        }
        files = [number if file == -1 else file for number, file in enumerate((pipes[0], pipes[3], pipes[5]))]
        with _one_at_a_time, _adopting():
            socket.send_fds(_server(), [json.dumps(request).encode()], files)
            self.pid = int(_server().recv(REQUEST))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def run(words: Sequence[str], *, said: str = "", timeout: float = 300, **how: Any) -> Ran:
    """Run it to its end; `said` is its standard input."""
    pipe = subprocess.PIPE
    with Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **how) as child:
        try:
            out, err = child.communicate(said, timeout)
        finally:
            child.kill()
    return Ran(child.returncode, out, err)


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(EARLY)}


@contextmanager
def _adopting() -> Iterator[None]:
    """Orphans below this process become its children."""
    ctypes.CDLL(None).prctl(ADOPTS, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(ADOPTS, 0)


@functools.cache
def _server() -> socket.socket:
    """The way to this process's server, which ends when it does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        words = [sys.executable, "-m", __name__, str(theirs.fileno())]
        server = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def serve(door: socket.socket) -> None:
    """Import, and fork for every request; it returns in whom it has forked, and when nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who ask
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    while True:
        said, files, _, _ = socket.recv_fds(door, REQUEST, 3)
        if not said:
            return
        answer, tell = os.pipe()
        between = os.fork()
        if between == 0:
            if pid := os.fork():
                os.write(tell, str(pid).encode())
                os._exit(0)
            for end in (answer, tell):
                os.close(end)
            door.close()
            _become(files, **json.loads(said))
            return
        os.close(tell)
        os.waitpid(between, 0)
        with open(answer, "rb") as pipe:
            door.send(pipe.read())
        for file in files:
            os.close(file)


def _become(
    files: Sequence[int], words: Sequence[str], folder: str, environment: Mapping[str, str], leads: bool
) -> None:
    """Go on as `python -m WORDS…`, as if it had been started now; one that leads has a session of its own."""
    if leads:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, out, err = (os.fdopen(number, way, closefd=False) for number, way in enumerate(("r", "wb", "wb")))
    sys.stdout = io.TextIOWrapper(out, line_buffering=os.isatty(1))
    sys.stderr = io.TextIOWrapper(err, line_buffering=True, errors="backslashreplace")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[:] = words
    sys.path[0] = folder
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
