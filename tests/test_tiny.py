"""The tiny models are what they say: seeded, peaked, and sliding where they should."""

from __future__ import annotations

import pytest
import torch

from tests import tiny


@pytest.mark.parametrize("name", tiny.MODELS)
def test_same_seed_same_model_and_peaked_logits(name: str) -> None:
    ids_1L = torch.tensor([tiny.ids(20)])
    with torch.inference_mode():
        one, two = (tiny.model(name)(ids_1L).logits for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (1, 20, tiny.VOCAB)
    assert one.softmax(-1).amax(-1).mean() > 2 / tiny.VOCAB


@pytest.mark.parametrize("name", ["mistral", "gemma3", "llama"])
def test_window(name: str) -> None:
    """A change far beyond all windows reaches the last logits only through full attention."""
    model = tiny.model(name)
    ids = tiny.ids(1 + 3 * tiny.WINDOW + 10)
    with torch.inference_mode():
        one = model(torch.tensor([ids])).logits[0, -1]
        two = model(torch.tensor([[ids[0] + (1 if ids[0] < 90 else -1), *ids[1:]]])).logits[0, -1]
    assert torch.equal(one, two) == (name == "mistral")
