"""Guidance: against two whole passes by hand; alone, in a batch, resumed."""

from __future__ import annotations

import pytest
import torch

from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling, choose, guided
from midcourse.errors import ConfigError, UserError
from tests import tiny
from tests.engine import helpers

ASKED = [tiny.ids(5 + number, seed=number) for number in range(3)]
PLAIN = [tiny.ids(3 + number, seed=9 + number) for number in range(3)]
SAMPLINGS = [
    Sampling(temperature=0.8, seed=1, guidance=2.5),
    Sampling(temperature=0.8, seed=2),
    Sampling(guidance=0.5),
]
LENGTH = 12


def _by_hand(engine: TransformersEngine, number: int) -> list[int]:
    """Token by token from whole passes: log p = log n + γ (log c − log n), normalised by `choose`."""
    sampling, written = SAMPLINGS[number], list[int]()
    while len(written) < LENGTH and not (written and written[-1] in engine.tokenizer.end_ids):
        asked_V = helpers.whole(engine, [*ASKED[number], *written])
        plain_V = helpers.whole(engine, [*PLAIN[number], *written])
        drawn_V = asked_V if sampling.guidance == 1 else plain_V + sampling.guidance * (asked_V - plain_V)
        written += choose(drawn_V[None], [sampling], [len(ASKED[number]) + len(written)])
    return written


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "mamba"])
def test_alone_and_in_a_batch_it_is_what_two_passes_give(name: str) -> None:
    engine = helpers.engine(name)
    wanted = [_by_hand(engine, number) for number in range(3)]
    found = [
        [step.id for step in engine.stream(ASKED[n], SAMPLINGS[n], max_tokens=LENGTH, neutral=PLAIN[n])]
        for n in range(3)
    ]
    assert found == wanted
    batch = engine.batch(ASKED, SAMPLINGS, max_tokens=LENGTH, neutral=PLAIN)
    assert [one.ids for one in batch] == wanted


def test_probabilities_are_the_models_own() -> None:
    engine = helpers.engine("llama")
    steps = list(engine.stream(ASKED[0], SAMPLINGS[0], max_tokens=5, neutral=PLAIN[0]))
    batch = engine.batch(ASKED[:1], SAMPLINGS[:1], max_tokens=5, neutral=PLAIN[:1])[0]
    for place, step in enumerate(steps):
        whole_V = helpers.whole(engine, [*ASKED[0], *(one.id for one in steps[:place])])
        assert step.logprob == pytest.approx(float(whole_V[step.id]), abs=1e-4)
        assert batch.logprobs[place] == pytest.approx(step.logprob, abs=1e-4)


def test_a_resumed_answer_is_the_uninterrupted_one() -> None:
    whole = [s.id for s in helpers.engine("llama").stream(ASKED[0], SAMPLINGS[0], max_tokens=9, neutral=PLAIN[0])]
    engine = helpers.engine("llama")
    first = [s.id for s in engine.stream(ASKED[0], SAMPLINGS[0], max_tokens=4, neutral=PLAIN[0])]
    list(engine.stream(ASKED[1], max_tokens=2))
    rest = engine.stream([*ASKED[0], *first], SAMPLINGS[0], max_tokens=5, neutral=[*PLAIN[0], *first])
    assert first + [step.id for step in rest] == whole


def test_strength_1_is_the_model_itself_and_0_the_neutral_one() -> None:
    asked_V, plain_V = torch.randn(2, tiny.VOCAB, generator=torch.Generator().manual_seed(0))
    one, none = guided(asked_V, plain_V, 1.0), guided(asked_V, plain_V, 0.0)
    torch.testing.assert_close(one, asked_V.log_softmax(-1))
    torch.testing.assert_close(none, plain_V.log_softmax(-1))


def test_strength_1_costs_nothing_and_looks_at_nothing_else() -> None:
    plain = list(helpers.engine("llama").stream(ASKED[0], max_tokens=6))
    engine = helpers.engine("llama")
    assert list(engine.stream(ASKED[0], max_tokens=6, neutral=PLAIN[0])) == plain
    assert not engine._neutral.ids


def test_guidance_without_anything_asked_for_is_an_error() -> None:
    engine = helpers.engine("llama")
    with pytest.raises(UserError, match="no attribute is asked for"):
        next(engine.stream(ASKED[0], Sampling(guidance=2), max_tokens=3))
    with pytest.raises(UserError, match="no attribute is asked for"):
        engine.batch(ASKED, Sampling(guidance=2), max_tokens=3)


@pytest.mark.parametrize("strength", [-0.1, 21, float("nan"), float("inf")])
def test_strengths_that_make_no_sense_are_refused(strength: float) -> None:
    with pytest.raises(ConfigError, match="guidance"):
        Sampling(guidance=strength)
