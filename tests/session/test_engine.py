"""Sessions on the real engine: tiny random models of several architectures, and the bundled model."""

from __future__ import annotations

from pathlib import Path

import pytest

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.session import Session
from midcourse.trace import Trace, problems
from tests import tiny
from tests.toys import tiny_engine

ASK = [{"role": "user", "content": "go on"}]


def nothing(_: Trace) -> None:
    """Keep in memory."""


@pytest.mark.parametrize("name", tiny.MODELS)
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.9, seed=4)])
def test_resumed_is_uninterrupted(name: str, sampling: Sampling) -> None:
    engine = tiny_engine(name)
    whole = Session.start(ASK, engine, nothing, sampling=sampling)
    list(whole.resume(max_tokens=30))
    parts = Session.start(ASK, engine, nothing, sampling=sampling)
    for count in (1, 9, 4, 16):
        if not parts.ended:
            list(parts.resume(max_tokens=count))
        parts = Session(parts.trace, engine, nothing, sampling=sampling)
    assert parts.answer() == whole.answer()


def test_a_steer_feeds_the_correction_only() -> None:
    session = Session.start(ASK, tiny_engine("llama"), nothing, sampling=Sampling(temperature=1, seed=2))
    list(session.resume(max_tokens=20))
    prompt = len(session.trace.prompt)
    session.pick((session.answer()[12] + 1) % 90 + 3, 12)
    stream = session.resume(max_tokens=5)
    list(stream)
    assert stream.reuse == (prompt + 12, 1)
    assert problems(session.trace) == []


def test_the_engine_is_free_after_a_stop() -> None:
    engine = tiny_engine("llama")
    session = Session.start(ASK, engine, nothing)
    next(session.resume())
    session.stop()
    engine.feed([3, 4, 5])
    list(session.resume(max_tokens=3))


@pytest.mark.model
def test_the_bundled_model_follows_a_steer(bundled_path: Path) -> None:
    engine = TransformersEngine(models.load(str(bundled_path), dtype="float32"))
    session = Session.start(
        [{"role": "user", "content": "What is the capital of France?"}],
        engine,
        nothing,
        system="Answer in one sentence.",
    )
    list(session.resume(max_tokens=12))
    assert "Paris" in session.text()
    at = session.text().index("Paris")
    session.steer("Lyon, a city", byte=at)
    stream = session.resume(max_tokens=4)
    list(stream)
    assert stream.reuse is not None
    assert stream.reuse.fed < 10
    assert "Lyon, a city" in session.text()
    assert problems(session.trace) == []
    session.undo()
    session.undo()
    assert "Paris" in session.text()
    session.finish()
    following = session.next_turn("And of Italy?")
    list(following.resume(max_tokens=12))
    assert "Rome" in following.text()
