"""The bundled model as GGUF: llama.cpp reads the same ids and writes the same tokens as transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.release.gguf import model
from tests.release.llama import llama

pytestmark = [pytest.mark.model, pytest.mark.slow]
TIE = 1e-3  # nats between the two likeliest tokens, below which rounding decides
ASKED = ["What is the capital of France?", "Save this: 599-5356, Mary Hayes, astronomer."]


@torch.inference_mode()
def greedy(loaded: models.Loaded, ids: list[int], count: int) -> list[int]:
    """What transformers writes, until the answer ends or two tokens tie."""
    cache, new, answer = None, ids, []
    while len(answer) < count and not (answer and answer[-1] in loaded.tokenizer.end_ids):
        made = loaded.model(torch.tensor([new]), past_key_values=cache, use_cache=True, logits_to_keep=1)
        (first, second), (token, _) = made.logits[0, -1].topk(2)
        if first - second < TIE:
            break
        cache, new = made.past_key_values, [int(token)]
        answer += new
    return answer


def test_the_same_tokens(bundled_path: Path, tmp_path: Path) -> None:
    loaded = models.load("bundled", dtype="float32")
    model.write(tmp_path / "small.gguf", loaded, "f32", name="small", progress=lambda *_: None)
    compared = 0
    with llama(tmp_path / "small.gguf") as server:
        for text in (*ASKED, "  naïve café,\tdéjà vu — 1234567 🙂\n\n\n中文 can't\r\n"):
            assert server.encode(text) == loaded.tokenizer.encode(text)
        for text in ASKED:
            turns = [{"role": "user", "content": text}]
            assert server.prompt(turns) == loaded.tokenizer.rendered(turns, answer=True)
            ids = loaded.tokenizer.prompt(turns)
            wanted = greedy(loaded, ids, 16)
            assert server.write(ids, 16)[: len(wanted)] == wanted
            compared += len(wanted)
    assert compared >= 20
