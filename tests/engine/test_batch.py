"""Batch = single, for every architecture, whatever the lengths and whatever the batch before has left."""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse import models
from midcourse.engine import batch as batch_module
from midcourse.engine import rows as rows_module
from midcourse.engine.cache import memory, token_bytes
from midcourse.engine.hf import Reuse, TransformersEngine
from midcourse.engine.rows import Rows
from midcourse.engine.sampling import Sampling
from tests import tiny
from tests.engine.helpers import engine, loaded, whole

GREEDY = Sampling()
SAMPLED = Sampling(temperature=0.9, top_p=0.95, seed=5)


def alone(made: TransformersEngine, prefix: list[int], sampling: Sampling, count: int) -> tuple[list[int], list[float]]:
    steps = list(TransformersEngine(made.loaded).stream(prefix, sampling, max_tokens=count))
    return [step.id for step in steps], [step.logprob for step in steps]


def same(made: TransformersEngine, prefixes: list[list[int]], count: int = 12, sampling: Sampling = GREEDY) -> None:
    results = made.batch(prefixes, sampling, max_tokens=count)
    for row, (prefix, result) in enumerate(zip(prefixes, results, strict=True)):
        seeded = Sampling(sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p, sampling.seed + row)
        ids, logprobs = alone(made, prefix, seeded, count)
        assert result.ids == ids, row
        assert result.logprobs == pytest.approx(logprobs, abs=1e-4)
        assert result.ended == (ids[-1] in made.tokenizer.end_ids)


def contexts(*lengths: int, common: int = 0) -> list[list[int]]:
    head = tiny.ids(common, seed=99)
    return [[*head, *tiny.ids(length, seed=seed)] for seed, length in enumerate(lengths)]


@pytest.mark.parametrize("name", tiny.MODELS)
@pytest.mark.parametrize("sampling", [Sampling(), SAMPLED], ids=["greedy", "sampled"])
def test_batch_is_single(name: str, sampling: Sampling) -> None:
    same(engine(name), contexts(3, 25, 1, 9, 10, 24), sampling=sampling)


@pytest.mark.parametrize("name", tiny.ATTENTION)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_shared_beginning_is_read_once(name: str, attention: str) -> None:
    made = engine(name, attention=attention)
    prefixes = contexts(3, 17, 1, 5, common=20)
    same(made, prefixes)
    made.drop()
    made.batch(prefixes, max_tokens=1)
    assert made.last_reuse == Reuse(20 * 3, 20 + 3 + 17 + 1 + 5)


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_the_next_batch_goes_on_from_the_last(name: str) -> None:
    """Answers are steered at different depths, one is new, one is done: only what is new is fed."""
    made = engine(name, ends=frozenset())
    prefixes = contexts(12, 30, 7, 19)
    written = [result.ids for result in made.batch(prefixes, max_tokens=[14, 10, 3, 12])]
    steered = [
        [*prefixes[0], *written[0][:9], 5, 6, 7],
        [*prefixes[1], *written[1][:2], 8],
        tiny.ids(11, seed=50),
        [*prefixes[3], *written[3]],
    ]
    made.batch(steered, max_tokens=1)
    assert made.last_reuse.reused >= 12 + 9 + 30 + 2 + 19 + 11
    assert made.last_reuse.fed <= 3 + 1 + 11 + 1
    made.batch(prefixes, max_tokens=[14, 10, 3, 12])
    same(made, steered)
    same(made, [steered[3], steered[0]])


def test_rows_leave_when_they_are_done() -> None:
    sizes: list[int] = []
    made = engine("llama", ends=frozenset())
    forward = made.loaded.model.forward

    @functools.wraps(forward)
    def counting(*args: object, **options: object) -> object:
        sizes.append(options["input_ids"].shape[0])  # type: ignore[attr-defined]
        return forward(*args, **options)

    made.loaded.model.forward = counting
    results = made.batch(contexts(5, 5, 5), max_tokens=[2, 6, 4])
    assert [len(result.ids) for result in results] == [2, 6, 4]
    assert sizes[-6:] == [3, 3, 2, 2, 1, 1]


@pytest.mark.parametrize("name", ["llama", "mamba"])
def test_stop_is_asked_after_each_token_of_each_row(name: str) -> None:
    asked: list[tuple[int, int]] = []

    def stop(row: int, ids: list[int]) -> bool:
        asked.append((row, len(ids)))
        return len(ids) == row + 2

    results = engine(name, ends=frozenset()).batch(contexts(5, 4, 3), max_tokens=10, stop=stop)
    assert [len(result.ids) for result in results] == [2, 3, 4]
    assert sorted(asked) == [(row, n) for row in range(3) for n in range(1, row + 3)]


@pytest.mark.parametrize("name", ["llama", "mamba"])
def test_cancel(name: str) -> None:
    cancel = threading.Event()

    def stop(row: int, ids: list[int]) -> bool:
        if len(ids) == 3:
            cancel.set()
        return False

    results = engine(name, ends=frozenset()).batch(contexts(5, 4), max_tokens=10, stop=stop, cancel=cancel)
    assert len(results[0].ids) == 3
    assert len(results[1].ids) <= 3


def test_more_rows_than_fit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "ROWS", 3)
    monkeypatch.setattr(batch_module, "TOKENS", 16)
    same(engine("gemma3"), contexts(9, 4, 12, 2, 7, 7, 20))


@contextmanager
def passes(made: TransformersEngine) -> Iterator[list[tuple[int, int]]]:
    """The passes of the model: how many rows, and how many tokens of each."""
    sizes: list[tuple[int, int]] = []
    hook = made.loaded.model.register_forward_pre_hook(
        lambda _module, _args, named: sizes.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    yield sizes
    hook.remove()


@pytest.mark.parametrize("name", tiny.ATTENTION)
@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_rows_that_wait_come_in_as_others_are_done(
    monkeypatch: pytest.MonkeyPatch, name: str, sampling: Sampling
) -> None:
    monkeypatch.setattr(batch_module, "ROWS", 4)
    made = engine(name, ends=frozenset())
    prefixes, counts = contexts(3, 4, 5, 6, 7, 8, 9), [2, 4, 12, 12, 3, 12, 4]
    with passes(made) as sizes:
        results = made.batch(prefixes, sampling, max_tokens=counts)
    assert [count for count, width in sizes if width == 1] == [4, 4, 3, 3, 4, 4, 4, *[3] * 5, *[2] * 4]
    assert made.last_reuse == Reuse(0, sum(map(len, prefixes)))  # what was written meanwhile is not fed again
    for row, (prefix, result) in enumerate(zip(prefixes, results, strict=True)):
        ids, logprobs = alone(made, prefix, replace(sampling, seed=sampling.seed + row), counts[row])
        assert result.ids == ids, row
        assert result.logprobs == pytest.approx(logprobs, abs=1e-4)
    same(made, [[*prefix, *result.ids, 7] for prefix, result in zip(prefixes, results, strict=True)])


def test_guided_rows_come_in_with_their_neutral_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "ROWS", 5)
    prefixes, neutral = contexts(3, 14, 5, 6, 17, 8), contexts(9, 4, 4, 11, 2, 3)
    samplings = [Sampling(0.8, seed=row, guidance=1 if row == 2 else 2.5) for row in range(6)]
    counts = [12, 2, 9, 3, 8, 5]
    results = engine("gemma3", ends=frozenset()).batch(prefixes, samplings, max_tokens=counts, neutral=neutral)
    for row, result in enumerate(results):
        made = engine("gemma3", ends=frozenset())
        steps = made.stream(prefixes[row], samplings[row], max_tokens=counts[row], neutral=neutral[row])
        assert result.ids == [step.id for step in steps], row


def test_who_has_no_room_waits_until_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two short rows fill the memory; when one is done the long one still has no room, and the other goes on."""
    made = engine("llama", ends=frozenset())
    monkeypatch.setattr(batch_module, "memory", lambda _: batch_module.SHARE * token_bytes(made.loaded) * 60)
    prefixes, counts = contexts(10, 10, 50), [3, 8, 5]
    with passes(made) as sizes:
        results = made.batch(prefixes, max_tokens=counts)
    assert sizes == [(2, 9), *[(2, 1)] * 3, *[(1, 1)] * 5, (1, 49), *[(1, 1)] * 5]
    for prefix, count, result in zip(prefixes, counts, results, strict=True):
        assert result.ids == alone(made, prefix, GREEDY, count)[0]


def test_cancelled_while_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "ROWS", 2)
    made, cancel = engine("llama", ends=frozenset()), threading.Event()

    def stop(row: int, ids: list[int]) -> bool:
        if row == 2 and len(ids) == 2:
            cancel.set()
        return False

    prefixes = contexts(3, 4, 5, 6)
    results = made.batch(prefixes, max_tokens=[2, 8, 8, 8], stop=stop, cancel=cancel)
    assert [len(result.ids) for result in results] == [2, 4, 2, 0]
    same(made, [[*prefix, *result.ids] for prefix, result in zip(prefixes, results, strict=True)])


def test_no_holes_are_left_behind_new_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole is read at every token by every row: those who come in begin where the others do."""
    monkeypatch.setattr(batch_module, "ROWS", 2)
    made = engine("llama", ends=frozenset())
    made.batch(contexts(20, 22, 24, 26), max_tokens=[2, 10, 10, 4])
    assert made._batches._held[-1].cache.slots.at == 24 + 8 - 1 + 4  # where row 2 was when row 3 came in


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_long_prompts_are_read_in_parts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(rows_module, "CHUNK", 4)
    widths: list[int] = []
    forward = Rows._forward

    def counted(rows: Rows, input_RT: torch.Tensor, position_RT: torch.Tensor) -> torch.Tensor:
        widths.append(input_RT.shape[1])
        return forward(rows, input_RT, position_RT)

    monkeypatch.setattr(Rows, "_forward", counted)
    same(engine(name), contexts(9, 4, 12, 2, 7, 7, 20))
    assert max(widths) == 4


def test_no_more_than_two_groups_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take its share of the memory, and there is room for these and the next."""
    alive: weakref.WeakSet[Rows] = weakref.WeakSet()
    most, init = 0, Rows.__init__

    def counted(rows: Rows, *given: Any) -> None:
        nonlocal most
        init(rows, *given)
        alive.add(rows)
        gc.collect()
        most = max(most, sum(len(one) > 1 for one in alive))

    monkeypatch.setattr(Rows, "__init__", counted)
    monkeypatch.setattr(batch_module, "ROWS", 3)
    engine("llama").batch([[*tiny.ids(4), 5 + row] for row in range(24)], max_tokens=3)
    assert most <= 3


def test_ends_and_edges() -> None:
    made = engine("llama", ends=frozenset())
    assert made.batch([], max_tokens=5) == []
    assert made.batch(contexts(3), max_tokens=0)[0].ids == []
    full = made.batch([tiny.ids(tiny.CONTEXT - 2), [5]], max_tokens=5)
    assert [len(result.ids) for result in full] == [2, 5]
    end = full[1].ids[2]
    ended = engine("llama", ends=frozenset({end})).batch([[5]], max_tokens=5)[0]
    assert ended.ended
    assert ended.ids[-1] == end


def test_the_same_context_twice() -> None:
    same(engine("qwen3"), [tiny.ids(14), tiny.ids(14), tiny.ids(13)])


def test_alternatives() -> None:
    made = engine("llama")
    prefix = tiny.ids(6)
    result = made.batch([prefix], max_tokens=1, top=5)[0]
    logp_V = whole(made, prefix)
    assert [token for token, _ in result.tops[0]] == logp_V.topk(5).indices.tolist()
    assert result.tops[0][0].logprob == pytest.approx(float(logp_V.max()), abs=1e-4)


def test_a_raising_stop_leaves_nothing_half_done() -> None:
    made = engine("llama", ends=frozenset())
    made.batch(contexts(6, 7), max_tokens=3)
    with pytest.raises(ZeroDivisionError):
        made.batch(contexts(6, 7), max_tokens=3, stop=lambda *_: bool(1 / 0))
    same(made, contexts(6, 7))


def test_changed_weights_drop_the_rows() -> None:
    held = loaded("llama")
    made = TransformersEngine(held)
    made.batch(contexts(20, 21), max_tokens=3)
    with torch.no_grad():
        held.model.model.norm.weight.mul_(1.5)
    held.changed()
    same(made, contexts(20, 21))


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_with_an_adapter(name: str) -> None:
    """A batch writes with the adapter folded in, a stream with the adapter beside."""
    held = models.add_lora(loaded(name, ends=frozenset()), rank=4)
    with torch.no_grad():
        for parameter in held.model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
    held.changed()
    same(TransformersEngine(held), contexts(6, 9, common=12), count=20)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_history_of_batches(data: st.DataObject) -> None:
    """Whatever was written, rolled back, steered or left out before, a batch writes what each row would alone."""
    made = engine(data.draw(st.sampled_from(["llama", "mistral", "gemma3", "gpt2"])))
    prefixes = contexts(*data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=5)))
    for _ in range(3):
        results = made.batch(prefixes, max_tokens=data.draw(st.integers(1, 10)))
        following = []
        for prefix, result in zip(prefixes, results, strict=True):
            keep = data.draw(st.integers(0, len(result.ids)))
            following.append([*prefix, *result.ids[:keep], *tiny.ids(data.draw(st.integers(1, 4)), seed=keep)])
        prefixes = data.draw(st.permutations(following))
        if data.draw(st.booleans()):
            prefixes = [*prefixes[1:], tiny.ids(8, seed=77)]
    same(made, prefixes, count=5)


def test_long_contexts_share_the_memory_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four rows of two thousand tokens would take gigabytes for their keys, several times over."""
    made = engine("llama")
    size = token_bytes(made.loaded)
    assert size == 2 * 3 * 2 * 8 * 4  # sides, layers, heads, width, bytes
    monkeypatch.setattr(batch_module, "memory", lambda _: batch_module.SHARE * size * 110)
    counts: list[int] = []
    init = Rows.__init__

    def counted(rows: Rows, loaded: models.Loaded, windows: list[int | None], count: int) -> None:
        counts.append(count)
        init(rows, loaded, windows, count)

    monkeypatch.setattr(Rows, "__init__", counted)
    same(made, contexts(40, 41, 42, 200, 39))
    assert counts == [2, 2, 1]


def test_of_a_gpu_there_is_what_nobody_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (3, 24))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 10)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 8)
    assert memory(torch.device("cuda")) == 5
