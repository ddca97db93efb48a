from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.session import Session
from midcourse.steerers import Oracle, effort, steer_answer, steer_batch
from midcourse.trace import Trace, problems
from midcourse.trace.text import to_text
from tests import tiny
from tests.toys import ToyEngine, copyist, tiny_engine

TEXT = "name = one\nage = two\n"
PROMPTS = [[{"role": "user", "content": f"go {number}"}] for number in range(5)]
WRONG = {"name = ": "six", "age = ": "ten"}
ORACLES = [Oracle(reference=TEXT, max_typed=n, max_steers=8 - 2 * n, run_on=n) for n in range(1, 5)]
ORACLES.append(Oracle(reference="quite another", max_steers=30))


def story(trace: Trace) -> object:
    """Everything but how the model's text was cut into spans, and who it is."""
    runs = [
        (
            trace.run_ids(steer.chosen) if steer.chosen else None,
            [trace.run_ids(run) for run in steer.rejected],
            steer.start,
            replace(steer, chosen=None, rejected=(), created=None),
        )
        for steer in trace.steers
    ]
    head = trace.head
    sources = [source for _, source in trace.trunk()]
    return trace.messages, trace.answer(head), sources, runs, trace.finished, len(trace.history)


@pytest.mark.parametrize("rows", [1, 2, 32])
def test_a_batch_is_like_one_at_a_time(rows: int) -> None:
    rule = copyist(TEXT, WRONG, tail="Hope this helps!")
    single = [
        steer_answer(Session.start(prompt, ToyEngine(rule), lambda _: None), oracle)
        for prompt, oracle in zip(PROMPTS, ORACLES, strict=True)
    ]
    done: list[int] = []
    saved: dict[str, Trace] = {}

    def save(trace: Trace) -> None:
        saved[trace.id] = copy.deepcopy(trace)

    together = steer_batch(ToyEngine(rule), PROMPTS, ORACLES, save=save, rows=rows, progress=done.append)
    assert [story(trace) for trace in together] == [story(trace) for trace in single]
    assert not any(problems(trace) for trace in together)
    assert any(trace.finished for trace in together)
    assert not all(trace.finished for trace in together)
    assert done[-1] == len(PROMPTS)
    assert [saved[trace.id] for trace in together] == together


@pytest.mark.parametrize("length", [1, 12, 200])
@pytest.mark.parametrize("rows", [2, 32])
def test_what_the_model_writes_need_not_be_written_again(length: int, rows: int) -> None:
    """Answers that are known, in whole or how they begin, are steered as if the model wrote them."""
    rule = copyist(TEXT, WRONG, tail="Hope this helps!")
    engine = ToyEngine(rule)
    known = engine.batch([engine.tokenizer.prompt(prompt) for prompt in PROMPTS], Sampling(), max_tokens=length)
    again = steer_batch(engine, PROMPTS, ORACLES, rows=rows, known=known[:4])
    assert [story(trace) for trace in again] == [story(trace) for trace in steer_batch(engine, PROMPTS, ORACLES)]


def test_a_right_answer_that_is_known_asks_nothing_of_the_model() -> None:
    knows, other = ToyEngine(copyist(TEXT, {})), ToyEngine(copyist("quite another", {}))
    known = knows.batch([knows.tokenizer.prompt(prompt) for prompt in PROMPTS], Sampling(), max_tokens=200)
    traces = steer_batch(other, PROMPTS, Oracle(reference=TEXT), known=known)
    assert all(trace.finished and not trace.steers for trace in traces)


def test_one_steerer_for_all_and_no_prompts() -> None:
    oracle = Oracle(reference=TEXT)
    assert all(trace.finished for trace in steer_batch(ToyEngine(copyist(TEXT, WRONG)), PROMPTS, oracle))
    assert steer_batch(ToyEngine(), [], oracle) == []


def test_no_room() -> None:
    room = len(ToyEngine().tokenizer.prompt(PROMPTS[0])) + 4
    traces = steer_batch(ToyEngine(copyist(TEXT, WRONG), context_length=room), PROMPTS, Oracle(reference=TEXT))
    assert not any(trace.finished for trace in traces)
    assert all(len(trace.prompt) + trace.depth(trace.head) <= room + 12 for trace in traces)


@pytest.mark.parametrize("name", tiny.MODELS)
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.9, seed=4)])
def test_a_batch_of_a_real_engine_is_like_one_at_a_time(name: str, sampling: Sampling) -> None:
    """In float32: the same tokens, the same steers, whatever else was in the batch."""
    references = ["name = one\nage = two\n", "the name", "abcdefghi = 1 2 3", "x", "", "a b c\n\nd e f"]
    oracles = [Oracle(reference=text, max_typed=2 + n % 3, run_on=n % 4) for n, text in enumerate(references)]
    prompts = [[{"role": "user", "content": "go" * (n + 1)}] for n in range(len(references))]
    engine = tiny_engine(name)
    single = [
        steer_answer(
            Session.start(prompt, engine, lambda _: None, sampling=replace(sampling, seed=sampling.seed + n)), oracle
        )
        for n, (prompt, oracle) in enumerate(zip(prompts, oracles, strict=True))
    ]
    together = steer_batch(engine, prompts, oracles, sampling=sampling, rows=4)
    assert [story(trace) for trace in together] == [story(trace) for trace in single]
    assert sum(len(trace.steers) for trace in together) > 10


@pytest.mark.model
def test_the_bundled_model_is_led_to_the_reference(bundled_path: Path) -> None:
    engine = TransformersEngine(models.load(str(bundled_path), dtype="float32"))
    tasks = {"Ada, 36": 'name = "Ada"\nage = 36', "Émile, 7": 'name = "Émile"\nage = 7 🙂'}
    prompts = [[{"role": "user", "content": note}] for note in tasks]
    oracles = [Oracle(reference=card, run_on=3, max_typed=6) for card in tasks.values()]
    single = [steer_answer(Session.start(p, engine, lambda _: None), o) for p, o in zip(prompts, oracles, strict=True)]
    together = steer_batch(engine, prompts, oracles)
    assert [story(trace) for trace in together] == [story(trace) for trace in single]
    tok = engine.tokenizer
    for trace, card in zip(together, tasks.values(), strict=True):
        assert trace.finished
        assert to_text(tok, trace.answer(trace.head)) == card
        assert trace.steers
        assert effort(trace).tokens <= 6 * len(trace.steers)
        assert problems(trace) == []
