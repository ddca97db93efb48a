"""The bundled model as its GGUF file: the same tokens as the folder that was made of it, and the same answer."""

from __future__ import annotations

import pytest

from midcourse import models
from midcourse.engine.choice import Sampling
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.engine.llamacpp.engine import LlamaCppEngine
from midcourse.models import bundled, gguf_file
from midcourse.remote import Remote
from midcourse.trace.text import to_text

ASKED = [{"role": "user", "content": "What is the capital of France? One sentence."}]


@pytest.mark.model
def test_the_bundled_model_in_both(bundled_path: object) -> None:
    """llama.cpp multiplies with rounded activations, so log-probabilities differ a little; an easy answer does not."""
    file = bundled.gguf()
    tokenizer = gguf_file.tokenizer(file)
    loaded = models.load("bundled", dtype="float32")
    assert tokenizer.fingerprint == loaded.tokenizer.fingerprint
    server = Embedded(file, ServerSettings(threads=1, context=512), trained=8192)
    remote = Remote(server.url, key=server.key, who="llama.cpp")
    engine = LlamaCppEngine(remote, tokenizer, "bundled", source=file.name, slot=0, owned=[server.close])
    try:
        prompt = tokenizer.prompt(ASKED)
        here = list(TransformersEngine(loaded).stream(prompt, max_tokens=12))
        there = list(engine.stream(prompt, Sampling(), max_tokens=12))
        assert "Paris" in to_text(tokenizer, [step.id for step in there])
        assert [step.id for step in there] == [step.id for step in here]
        assert [step.logprob for step in there] == pytest.approx([step.logprob for step in here], abs=0.3)
    finally:
        engine.close()
