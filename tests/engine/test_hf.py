"""One answer: prefix reuse = none, resumed = uninterrupted, roll back at every length, and prompt endings."""

from __future__ import annotations

import threading

import pytest
import torch

from midcourse.engine.context import Reuse
from midcourse.engine.sampling import Sampling
from midcourse.errors import ContextError, ModelError
from tests import tiny
from tests.engine.helpers import cached, engine, loaded, whole

LENGTH = 3 * tiny.WINDOW  # well beyond the sliding windows


@pytest.mark.parametrize("name", tiny.MODELS)
def test_roll_back_to_every_length(name: str) -> None:
    """After the cache was cut to any length and fed something else, the logits are those of a fresh pass."""
    one, two = tiny.ids(LENGTH, seed=1), tiny.ids(LENGTH, seed=2)
    made = engine(name)
    for length in range(LENGTH):
        made.feed(one)
        other = [*one[:length], *two[: 1 + length % 5]]
        assert torch.allclose(cached(made, other), whole(made, other), atol=1e-4), length


@pytest.mark.parametrize("name", tiny.MODELS)
def test_extended_by_any_chunks(name: str) -> None:
    ids = tiny.ids(LENGTH + 7)
    made = engine(name)
    fed = 0
    for size in (1, 5, 1, 1, 9, 2, 12):
        fed += size
        assert torch.allclose(cached(made, ids[:fed]), whole(made, ids[:fed]), atol=1e-4), fed
    assert fed == len(ids)


@pytest.mark.parametrize("name", tiny.MODELS)
def test_reuse_is_counted(name: str) -> None:
    made = engine(name)
    ids = tiny.ids(LENGTH)
    assert made.feed(ids) == Reuse(0, LENGTH)
    assert made.feed(ids) == Reuse(LENGTH, 0)
    assert made.feed([*ids, 5, 6]) == Reuse(LENGTH, 2)
    keeps = name in tiny.ATTENTION
    assert made.rolls_back == keeps
    assert made.feed([*ids[:10], 5, 6]) == (Reuse(10, 2) if keeps else Reuse(0, 12))
    assert made.feed(ids[:10]) == (Reuse(9, 1) if keeps else Reuse(0, 10))


@pytest.mark.parametrize("name", tiny.MODELS)
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.8, top_p=0.9, top_k=20, min_p=0.02, seed=3)])
def test_resumed_is_uninterrupted(name: str, sampling: Sampling) -> None:
    made = engine(name, ends=frozenset())
    prompt = tiny.ids(11)
    answer = [step.id for step in made.stream(prompt, sampling, max_tokens=20)]
    assert len(answer) == 20
    for cut in (1, 7, 19):
        stream = made.stream(prompt, sampling, max_tokens=20)
        first = [next(stream).id for _ in range(cut)]
        stream.close()
        made.feed(tiny.ids(5, seed=9))  # somebody else in between
        rest = [step.id for step in made.stream([*prompt, *first], sampling, max_tokens=20 - cut)]
        assert first + rest == answer


def test_resuming_after_a_steer_feeds_the_correction_only() -> None:
    made = engine("llama", ends=frozenset())
    prompt = tiny.ids(30)
    answer = [step.id for step in made.stream(prompt, max_tokens=12)]
    assert made.last_reuse == Reuse(0, 30)
    correction = [(answer[4] + 1) % tiny.VOCAB, 7, 8]
    next(made.stream([*prompt, *answer[:4], *correction], max_tokens=1))
    assert made.last_reuse == Reuse(34, 3)


def test_the_seed_decides() -> None:
    made = engine("llama", ends=frozenset())
    prompt = tiny.ids(5)

    def answer(seed: int) -> list[int]:
        return [step.id for step in made.stream(prompt, Sampling(temperature=2.0, seed=seed), max_tokens=15)]

    assert answer(1) == answer(1)
    assert answer(1) != answer(2)


def test_steps_say_what_the_model_thought() -> None:
    made = engine("qwen3")
    prompt = tiny.ids(9)
    step = next(made.stream(prompt, Sampling(temperature=1.5, top_k=3, seed=4), max_tokens=1, top=10))
    logp_V = whole(made, prompt)
    assert step.logprob == pytest.approx(float(logp_V[step.id]), abs=1e-4)
    assert [token for token, _ in step.top] == logp_V.topk(10).indices.tolist()
    assert made.next(prompt).id == int(logp_V.argmax())


def test_where_a_stream_ends() -> None:
    prompt = tiny.ids(9)
    answer = [step.id for step in engine("llama", ends=frozenset()).stream(prompt, max_tokens=10)]
    first = next(i for i, token in enumerate(answer) if token == answer[4])
    assert [s.id for s in engine("llama", ends=frozenset({answer[4]})).stream(prompt, max_tokens=10)] == answer[
        : first + 1
    ]
    made = engine("llama", ends=frozenset())
    assert len(list(made.stream(prompt, max_tokens=10, stop=lambda ids: len(ids) == 3))) == 3
    assert list(made.stream(prompt, max_tokens=0)) == []
    full = tiny.ids(tiny.CONTEXT - 2)
    assert len(list(made.stream(full, max_tokens=10))) == 2


def test_cancel_stops_within_one_token() -> None:
    made = engine("llama", ends=frozenset())
    cancel = threading.Event()
    written = 0
    for _ in made.stream(tiny.ids(9), max_tokens=50, cancel=cancel):
        written += 1
        if written == 3:
            cancel.set()
    assert written == 3
    assert torch.allclose(cached(made, tiny.ids(12)), whole(made, tiny.ids(12)), atol=1e-4)


def test_too_long_is_said_with_numbers() -> None:
    made = engine("gpt2")
    with pytest.raises(ContextError, match=r"257 tokens.*at most 256"):
        made.feed(tiny.ids(257))
    with pytest.raises(ContextError, match=r"256 tokens, and 1 more.*at most 256"):
        next(made.stream(tiny.ids(256), max_tokens=1))
    made.feed(tiny.ids(256))


def test_foreign_tokens_are_refused() -> None:
    with pytest.raises(ModelError, match="token 97 is not in the vocabulary of llama"):
        engine("llama").feed([5, 97])


def test_damaged_weights_are_named() -> None:
    made = engine("llama")
    with torch.no_grad():
        made.loaded.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="not a number"):
        made.next([5, 6])


def test_changed_weights_drop_the_cache() -> None:
    made = engine("llama")
    ids = tiny.ids(12)
    made.feed(ids)
    with torch.no_grad():
        made.loaded.model.model.norm.weight.mul_(1.5)
    made.loaded.changed()
    assert made.feed(ids) == Reuse(0, 12)
    assert torch.allclose(cached(made, ids), whole(made, ids), atol=1e-4)


def test_a_failed_pass_leaves_a_sound_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine("llama")
    ids = tiny.ids(12)
    made.feed(ids)
    with monkeypatch.context() as patch:
        patch.setattr(made.loaded.model.model.layers[1], "forward", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made.feed([*ids, 5])
    assert torch.allclose(cached(made, [*ids, 5]), whole(made, [*ids, 5]), atol=1e-4)


def test_one_owner_at_a_time() -> None:
    made = engine("llama", ends=frozenset())
    stream = made.stream(tiny.ids(5), max_tokens=5)
    next(stream)
    with pytest.raises(ModelError, match=r"busy \(writing\)"):
        made.feed([5])
    stream.close()
    made.feed([5])


def test_the_model_can_be_trained_after_it_has_written() -> None:
    """What the engine computed in inference mode must not leak into the weights or buffers."""
    held = loaded("phi3")
    made = engine("phi3")
    made.loaded = held
    list(made.stream(tiny.ids(5), max_tokens=3))
    held.model.requires_grad_(True)
    ids_1L = torch.tensor([tiny.ids(20)])
    held.model(ids_1L, labels=ids_1L).loss.backward()
