"""One tiny model behind every engine, for the tests that all of them pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch

from midcourse import models
from midcourse.engine.contract import Engine
from midcourse.engine.hf import TransformersEngine
from tests import ggufs

KINDS = ("transformers",)


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
def gguf(ascii: bool, ends: bool) -> Path:
    path = Path(mkdtemp(prefix="midcourse-")) / "tiny.gguf"
    ggufs.write(path, ascii=ascii, ends=ends)
    return path


@cache
def loaded(ascii: bool, ends: bool) -> models.Loaded:
    path = gguf(ascii, ends)
    return models.load(str(ggufs.folder(path, path.parent / "model")), dtype="float32")


def bed(kind: str, *, ascii: bool, ends: bool) -> Bed:
    """A fresh engine of this kind; close it."""
    found = loaded(ascii, ends)
    assert kind == "transformers"
    return Bed(TransformersEngine(found), found)


def ids(length: int, *, seed: int = 0) -> list[int]:
    """Letters and digits, and merges of them."""
    plain = [n for n, token in enumerate(ggufs.TOKENS) if n > 2 and token.isascii() and token.isalnum()]
    generator = torch.Generator().manual_seed(seed)
    return [plain[n] for n in torch.randint(0, len(plain), (length,), generator=generator).tolist()]
