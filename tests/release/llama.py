"""llama.cpp itself, in this process: what it makes of a GGUF file, in float32 throughout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.remote import Remote

CONTEXT = 256


class Llama:
    """A server that holds one model."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without special tokens."""
        asked = {"content": text, "add_special": False, "parse_special": False}
        ids: list[int] = self._remote.post("/tokenize", asked)["tokens"]
        return ids

    def prompt(self, messages: Sequence[dict[str, str]]) -> str:
        """A conversation by the chat template in the file."""
        text: str = self._remote.post("/apply-template", {"messages": list(messages)})["prompt"]
        return text

    def write(self, ids: Sequence[int], count: int) -> list[int]:
        """The likeliest ids after `ids`, until the answer ends."""
        asked = {"prompt": list(ids), "n_predict": count, "temperature": 0, "top_k": 1, "return_tokens": True}
        found: list[int] = self._remote.post("/completion", asked | {"cache_prompt": False})["tokens"]
        return found


@contextmanager
def llama(gguf: Path, lora: Path | None = None) -> Iterator[Llama]:
    server = Embedded(gguf, ServerSettings(context=CONTEXT, threads=1, kv_type="f32"), adapter=lora, trained=CONTEXT)
    remote = Remote(server.url, key=server.key)
    try:
        yield Llama(remote)
    finally:
        remote.close()
        server.close()
