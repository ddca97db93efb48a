"""One tiny model behind every engine, for the tests that all of them pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from midcourse import models
from midcourse.engine.contract import Engine
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.engine.llamacpp.engine import LlamaCppEngine
from midcourse.engine.openai.engine import OpenAIEngine
from midcourse.remote import Remote, RemoteSettings
from midcourse.trace.text import Tokenizer
from tests import ggufs, scratch
from tests.engine import proxy

KINDS = ("transformers", "llama.cpp", "openai", "openai, text", "openai, bare")


@dataclass
class Bed:
    """An engine, and the same model as transformers reads it without any cache."""

    engine: Engine
    loaded: models.Loaded

    def logp(self, ids: Sequence[int]) -> torch.Tensor:
        """Log-probabilities (V) after `ids`."""
        with torch.inference_mode():
            return self.loaded.model(torch.tensor([list(ids)]), use_cache=False).logits[0, -1].log_softmax(-1)

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """What the model writes after `ids`."""
        written: list[int] = []
        while len(written) < count:
            written.append(int(self.logp([*ids, *written]).argmax()))
            if written[-1] in self.loaded.tokenizer.end_ids:
                break
        return written


@cache
def gguf(ascii: bool, ends: bool, context: int = ggufs.CONTEXT) -> Path:
    path = scratch.folder() / "tiny.gguf"
    ggufs.write(path, ascii=ascii, ends=ends, context=context)
    return path


@cache
def folder(ascii: bool, ends: bool, context: int = ggufs.CONTEXT) -> Path:
    """The same model in transformers' form."""
    path = gguf(ascii, ends, context)
    return ggufs.folder(path, path.parent / "model")


@cache
def loaded(ascii: bool, ends: bool) -> models.Loaded:
    return models.load(str(folder(ascii, ends)), dtype="float32")


def bed(kind: str, *, ascii: bool, ends: bool) -> Bed:
    """A fresh engine of this kind; close it."""
    found = loaded(ascii, ends)
    if kind == "transformers":
        return Bed(TransformersEngine(found), found)
    server = serve(ascii=ascii, ends=ends)
    if kind == "openai":
        remote = Remote(f"{server.url}/v1", RemoteSettings(retries=1, wait=0.01), server.key)
        return Bed(Owning(remote, found.tokenizer, "tiny", [server.close]), found)
    if kind.startswith("openai"):
        bare = kind == "openai, bare"
        able = (proxy.strict, proxy.without_logprobs) if bare else (proxy.text_only, proxy.without_ids)
        door = proxy.Proxy(server.url, server.key.get_secret_value(), *able)
        remote = Remote(door.url, RemoteSettings(retries=1, wait=0.01))
        return Bed(Owning(remote, found.tokenizer, "tiny", [door.close, server.close]), found)
    remote = Remote(server.url, RemoteSettings(retries=1, wait=0.01), server.key, "llama.cpp")
    return Bed(LlamaCppEngine(remote, found.tokenizer, "tiny", source="tiny", slot=0, owned=[server.close]), found)


class Owning(OpenAIEngine):
    """An endpoint that is closed with its engine."""

    def __init__(self, remote: Remote, tokenizer: Tokenizer, name: str, owned: list[Callable[[], object]]) -> None:
        self.owned = owned
        super().__init__(remote, tokenizer, name)

    def close(self) -> None:
        super().close()
        while self.owned:
            self.owned.pop(0)()


def serve(*, ascii: bool, ends: bool, slots: int = 3, context: int = ggufs.CONTEXT) -> Embedded:
    """A real llama.cpp server with the tiny model."""
    settings = ServerSettings(threads=1, kv_type="f32")
    return Embedded(gguf(ascii, ends, context), settings, slots=slots, trained=context)


def ids(length: int, *, seed: int = 0) -> list[int]:
    """Letters and digits that nothing would merge: their text has these tokens."""
    plain = [n for n, token in enumerate(ggufs.TOKENS) if token.isascii() and token.isalnum() and token not in "thea"]
    generator = torch.Generator().manual_seed(seed)
    return [plain[n] for n in torch.randint(0, len(plain), (length,), generator=generator).tolist()]
