"""Guidance: against two whole passes by hand; alone, in a batch, resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


# ---- what it costs -----------------------------------------------------------------------------------------------


@contextmanager
def counted(engine: TransformersEngine) -> Iterator[list[list[int]]]:
    """The passes of the model: how many tokens of each context."""
    passes: list[list[int]] = []

    def note(_module: object, _args: object, named: dict[str, Any]) -> None:
        passes.append(list(named["together"].widths) if "together" in named else [named["input_ids"].shape[1]])

    hook = engine.loaded.model.register_forward_pre_hook(note, with_kwargs=True)
    yield passes
    hook.remove()


def _started(prompt: list[int], plain: list[int]) -> TransformersEngine:
    engine = helpers.engine("llama", ends=frozenset())
    list(engine.stream(prompt, SAMPLINGS[0], max_tokens=2, neutral=plain))  # the model is tried only once
    return engine


def test_a_token_is_one_pass_of_two_and_a_correction_as_well() -> None:
    asked, plain = tiny.ids(40), tiny.ids(31, seed=5)
    engine = _started(asked, plain)
    with counted(engine) as passes:
        first = [step.id for step in engine.stream(asked, SAMPLINGS[0], max_tokens=6, neutral=plain)]
    assert passes[-5:] == [[1, 1]] * 5
    correction = [*first[:3], (first[3] + 1) % tiny.VOCAB, 7, 8]
    corrected, neutral = [*asked, *correction], [*plain, *correction]
    with counted(engine) as passes:
        found = list(engine.stream(corrected, SAMPLINGS[0], max_tokens=2, neutral=neutral))
    assert passes == [[3, 3], [1, 1]]
    assert engine.last_reuse == (43, 3)
    fresh = helpers.engine("llama", ends=frozenset())
    again = list(fresh.stream(corrected, SAMPLINGS[0], max_tokens=2, neutral=neutral))
    assert [step.id for step in found] == [step.id for step in again]


def test_what_both_prompts_begin_with_is_read_once() -> None:
    """As special tokens before the answer leave it: the rest of the prompt is the same."""
    plain = tiny.ids(40)
    asked = [*plain, 7, 9]
    engine = _started(tiny.ids(9, seed=1), tiny.ids(8, seed=2))
    with counted(engine) as passes:
        found = [step.id for step in engine.stream(asked, SAMPLINGS[0], max_tokens=6, neutral=plain)]
    assert passes[:2] == [[42], [1]]
    assert passes[2:] == [[1, 1]] * 5
    apart = helpers.engine("llama", ends=frozenset())
    list(apart.stream(tiny.ids(9, seed=1), SAMPLINGS[0], max_tokens=1, neutral=plain))
    assert [step.id for step in apart.stream(asked, SAMPLINGS[0], max_tokens=6, neutral=plain)] == found


def test_strength_1_is_the_model_itself_and_0_the_neutral_one() -> None:
    asked_V, plain_V = torch.randn(2, tiny.VOCAB, generator=torch.Generator().manual_seed(0))
    one, none = guided(asked_V, plain_V, 1.0), guided(asked_V, plain_V, 0.0)
    torch.testing.assert_close(one, asked_V.log_softmax(-1))
    torch.testing.assert_close(none, plain_V.log_softmax(-1))


def test_tokens_that_a_model_rules_out_stay_out_and_spoil_nothing() -> None:
    asked_V, plain_V = torch.randn(2, tiny.VOCAB, generator=torch.Generator().manual_seed(0))
    asked_V[3] = asked_V[4] = plain_V[4] = plain_V[5] = -torch.inf
    found_V = guided(asked_V, plain_V, 2.0)
    assert not found_V.isnan().any()
    assert found_V[3] == found_V[4] == -torch.inf
    assert found_V[5] == asked_V.log_softmax(-1)[5]  # there is nothing to lead away from


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
