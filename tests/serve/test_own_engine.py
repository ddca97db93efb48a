"""Midcourse's engine for endpoints, at Midcourse's server: ids both ways, and the answers of the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from midcourse.engine.hf import TransformersEngine
from midcourse.engine.openai.engine import OpenAIEngine
from midcourse.engine.sampling import Sampling
from midcourse.remote import Remote
from tests.serve.running import NAME, Running, said


@pytest.fixture(scope="module")
def remote(served: Running, engine: TransformersEngine) -> Iterator[OpenAIEngine]:
    made = OpenAIEngine(Remote(f"{served.url}/v1"), engine.tokenizer, "tiny", model=NAME)
    yield made
    made.close()


def test_it_finds_that_nothing_is_lost(remote: OpenAIEngine, engine: TransformersEngine) -> None:
    assert (remote.found.way, remote.found.ids_back, remote.found.extras) == ("ids", True, True)
    assert remote.abilities.exact_ids
    assert remote.abilities.logprobs
    assert remote.context_length == engine.context_length


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.9, top_k=40, top_p=0.9, min_p=0.01, seed=3)])
def test_answers_are_exact(remote: OpenAIEngine, engine: TransformersEngine, sampling: Sampling) -> None:
    prompt = engine.tokenizer.prompt(said())
    steps = list(remote.stream(prompt, sampling, max_tokens=60, top=3))
    ids = [step.id for step in steps]
    if not sampling.temperature:
        assert ids == [step.id for step in engine.stream(prompt, sampling, max_tokens=60, top=0)]
    for place, step in enumerate(steps):
        own = engine.next([*prompt, *ids[:place]], top=engine.tokenizer.size)
        [logprob] = [one.logprob for one in own.top if one.id == step.id]
        assert step.logprob == pytest.approx(logprob, abs=1e-3)


def test_many_and_stopped(served: Running, remote: OpenAIEngine, engine: TransformersEngine) -> None:
    prompts = [engine.tokenizer.prompt(said(f"Number {n}?")) for n in range(6)]
    expected = [made.ids for made in engine.batch(prompts, Sampling(), max_tokens=12)]
    assert [made.ids for made in remote.batch(prompts, Sampling(), max_tokens=12)] == expected
    cancel = Event()
    for step in remote.stream(prompts[0], Sampling(), max_tokens=3000, cancel=cancel):
        assert step.id
        cancel.set()
    served.wait(lambda: served.idle)
