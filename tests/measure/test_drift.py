"""Drift against a reference computed the slow way, on a tiny random model."""

from typing import Any, cast

import pytest
import torch
from peft import LoraConfig, get_peft_model

from midcourse.measure import drift
from midcourse.models import Loaded
from tests import tiny
from tests.measure.fakes import Scripted, trace

# peft asks transformers in a way that is going out of use
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

LONG, SHORT = tiny.ids(40, seed=1), tiny.ids(7, seed=2)
TEXTS = [drift.Text(LONG, [*range(20, 40)]), drift.Text(SHORT, [1, 4, 6])]


def loaded(*, adapter: bool, strength: float = 0.3, name: str = "llama") -> Loaded:
    model: Any = tiny.model(name)
    if adapter:
        config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", fan_in_fan_out=name == "gpt2")
        model = get_peft_model(model, config).eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            for parameter_name, parameter in model.named_parameters():
                if "lora_B" in parameter_name:
                    parameter.normal_(0, strength) if strength else parameter.zero_()
    nobody = cast(Any, None)
    return Loaded(
        model, nobody, name, "adapter" if adapter else None, torch.float32, torch.device("cpu"), "sdpa", tiny.CONTEXT
    )


@torch.no_grad()
def slowly(one: Loaded) -> list[torch.Tensor]:
    """Log-probabilities at the measured places, from all logits of the plain forward pass, in double precision."""
    return [
        one.model(torch.tensor([text.ids])).logits[0].double().log_softmax(-1)[[place - 1 for place in text.places]]
        for text in TEXTS
    ]


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_drift_is_the_mean_over_tokens_of_all_texts(name: str) -> None:
    one = loaded(adapter=True, strength=0.05, name=name)
    with one.without_adapter():
        base = torch.cat(slowly(one))
    now = torch.cat(slowly(one))
    own = torch.tensor([text.ids[place] for text in TEXTS for place in text.places])[:, None]
    moved = drift.moved(one, TEXTS)
    assert moved is not None
    kl = (base.exp() * (base - now)).sum(-1)
    assert moved.tokens == 23
    assert moved.texts == 2
    assert moved.kl == pytest.approx(float(kl.mean()), rel=1e-3)
    assert moved.kl_p95 == pytest.approx(float(kl.sort().values[21]), rel=1e-3)
    assert moved.top1_agreement == pytest.approx(float((base.argmax(-1) == now.argmax(-1)).double().mean()))
    assert moved.perplexity_before == pytest.approx(float(base.gather(1, own).mean().neg().exp()), rel=1e-4)
    assert moved.perplexity_after == pytest.approx(float(now.gather(1, own).mean().neg().exp()), rel=1e-4)


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_texts_that_share_a_pass_are_those_texts_one_at_a_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = loaded(adapter=True, name=name)
    texts = [
        drift.Text(tiny.ids(length, seed=length), [*range(first, length)])
        for length, first in ((33, 5), (40, 39), (9, 1), (40, 20), (21, 20))
    ]
    together, moved = drift.logprobs(one, texts), drift.moved(one, texts)
    monkeypatch.setattr(drift, "TOKENS", 1)
    for given, alone in zip(together, texts, strict=True):
        torch.testing.assert_close(given, drift.logprobs(one, [alone])[0], rtol=1e-4, atol=1e-5)
    apart = drift.moved(one, texts, base=together)
    assert moved is not None
    assert apart is not None
    assert apart.tokens == moved.tokens
    assert apart.perplexity_after == pytest.approx(moved.perplexity_after, rel=1e-5)
    assert drift.moved(one, texts) == drift.moved(one, texts[::-1])


@pytest.mark.parametrize(("places", "tokens", "sizes"), [(20, 1000, [3, 1]), (1000, 29, [2, 1, 1]), (1, 1, [1] * 4)])
def test_a_group_keeps_to_both_bounds(
    monkeypatch: pytest.MonkeyPatch, places: int, tokens: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(drift, "PLACES", places)
    monkeypatch.setattr(drift, "TOKENS", tokens)
    texts = [
        drift.Text([*range(length)], [*range(1, 1 + count)]) for length, count in ((30, 9), (12, 6), (8, 3), (15, 7))
    ]
    groups = list(drift._groups(texts))
    assert [len(group) for group in groups] == sizes
    assert sorted(number for group in groups for number in group) == [0, 1, 2, 3]


def test_an_adapter_that_does_nothing_has_not_moved() -> None:
    moved = drift.moved(loaded(adapter=True, strength=0), TEXTS)
    assert moved is not None
    assert moved.kl == pytest.approx(0, abs=1e-6)
    assert moved.top1_agreement == 1
    assert moved.perplexity_after == pytest.approx(moved.perplexity_before)


def test_without_an_adapter_there_is_only_perplexity() -> None:
    moved = drift.moved(loaded(adapter=False), TEXTS)
    assert moved is not None
    assert moved.perplexity_before is not None
    assert moved.kl is moved.perplexity_after is moved.top1_agreement is None
    assert drift.moved(loaded(adapter=False), []) is None


def test_on_track_are_the_tokens_that_nobody_typed() -> None:
    held_out = trace("q", ["name", (": A", " = A"), "\nage"])
    [text] = drift.on_track([held_out])
    assert bytes(text.ids[place] for place in text.places[:-1]) == b"name\nage"
    assert text.places[-1] == len(text.ids) - 1
    assert drift.on_track([trace("q", [("x", "y")], end=False)]) == []


def test_a_long_text_is_measured_at_evenly_spread_places() -> None:
    [text] = drift.on_track([trace("q", ["x" * 2000])])
    assert len(text.places) == len(set(text.places)) == drift.PLACES
    assert text.places[0] == 3
    assert text.places[-1] == len(text.ids) - 1


def test_the_unrelated_prompts_are_many_and_different() -> None:
    found = drift.prompts(100)
    assert len(found) == len(set(found)) == 24
    assert drift.prompts(3) == found[:3]


def test_unrelated_texts_are_the_prompts_with_what_the_model_writes() -> None:
    prompts = drift.prompts(5)
    texts = drift.unrelated(Scripted(dict.fromkeys(prompts, "an answer")), 5, 4)
    assert [bytes(text.ids[place] for place in text.places) for text in texts] == [b"an a"] * 5
