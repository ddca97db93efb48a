"""Settings of a studio with each engine, all with one tiny model that never ends an answer by itself."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Self

from midcourse.engine.llamacpp.embedded import Embedded
from tests import scratch
from tests.engine import beds
from tests.waiting import PATIENCE

KINDS = ("transformers", "llama.cpp", "openai")
CONTEXT = 8192
HERE: dict[str, Any] = {"engine": "llama.cpp", "kv_type": "f32", "threads": 1, "slots": 3}
SERVER = """
import sys, time
from tests.engine import beds
served = beds.serve(ascii=True, ends=False, context={context})
print(served.url, served.key.get_secret_value(), flush=True)
sys.stdin.read()
"""


def model() -> Path:
    """The folder of the model."""
    return beds.folder(True, False, CONTEXT)


def gguf() -> Path:
    """The same model as a file."""
    return beds.gguf(True, False, CONTEXT)


class Server:
    """A llama.cpp server in a process of its own, which can be killed."""

    def __init__(self) -> None:
        code = SERVER.format(context=CONTEXT)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url, key = self.process.stdout.readline().split()
        self.key = _key(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def settings(self, kind: str = "openai") -> dict[str, Any]:
        """How a studio asks it: by its own API, or by the one that is OpenAI's."""
        url = f"{self.url}/v1" if kind == "openai" else self.url
        return {"engine": kind, "endpoint": url, "api_key_file": self.key, "retries": 1, "wait": 0.01}


@cache
def _endpoint() -> Embedded:
    """One for all tests."""
    return beds.serve(ascii=True, ends=False, context=CONTEXT)


def _key(key: str) -> Path:
    file = scratch.folder() / "key"
    file.write_text(key)
    return file


def settings(kind: str) -> dict[str, Any]:
    """What makes a studio have an engine of this kind."""
    if kind == "transformers":
        return {}
    if kind == "llama.cpp":
        return {**HERE, "gguf": gguf()}
    served = _endpoint()
    key = _key(served.key.get_secret_value())
    return {"engine": "openai", "endpoint": f"{served.url}/v1", "api_key_file": key, "concurrency": 3}
