"""Answers steered under dials, many at a time: in the context that was asked for, with guidance, and measured there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from midcourse import models
from midcourse.engine.batch import Generated
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.measure.check import exact
from midcourse.measure.effort import answer_all
from midcourse.measure.settings import MeasureSettings
from midcourse.session import Session
from midcourse.session.notes import asked
from midcourse.steerers import Oracle, steer_answer, steer_batch
from midcourse.trace import Trace
from tests.steerers.test_batch import story
from tests.studio.running import make_model
from tests.trained import adapter, with_dials

PROMPTS = [[{"role": "user", "content": f"name {word}"}] for word in ("a bird", "a river of Europe", "it")]
ASKED = [{"verbosity": 1.0}, {}, {"helpfulness": 4.0, "verbosity": 0.0}]
ORACLE = Oracle(reference="a crow")
STRONG = Sampling(temperature=0.7, seed=4, guidance=1.8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    base = make_model(tmp_path_factory.mktemp("model"))
    dials = with_dials(adapter(base, tmp_path_factory.mktemp("adapter") / "dials", seed=2), base)
    return TransformersEngine(models.load(str(base), adapter=str(dials)))


def _steered(engine: TransformersEngine, sampling: Sampling) -> list[Trace]:
    return steer_batch(engine, PROMPTS, ORACLE, sampling=sampling, attributes=ASKED)


@pytest.mark.parametrize("sampling", [Sampling(), STRONG], ids=["plain", "guided"])
def test_a_batch_under_dials_is_like_one_at_a_time(engine: TransformersEngine, sampling: Sampling) -> None:
    together = _steered(engine, sampling)
    for number, (messages, values, trace) in enumerate(zip(PROMPTS, ASKED, together, strict=True)):
        assert list(trace.prompt) == engine.tokenizer.prompt(messages, values)
        assert trace.attributes == values
        own = Sampling(sampling.temperature, seed=sampling.seed + number, guidance=sampling.guidance)
        session = Session.start(messages, engine, lambda _: None, sampling=own, attributes=values)
        assert story(steer_answer(session, ORACLE)) == story(trace)


def test_effort_is_measured_in_the_context_that_was_asked_for(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = _steered(engine, Sampling())
    assert [asked(trace, engine.tokenizer) for trace in traces] == ASKED
    seen: list[tuple[int, ...]] = []
    batch = engine.batch

    def noted(prefixes: Sequence[Sequence[int]], *rest: Any, **named: Any) -> list[Generated]:
        seen.extend(tuple(ids) for ids in prefixes)
        return batch(prefixes, *rest, **named)

    monkeypatch.setattr(engine, "batch", noted)
    found = answer_all(engine, traces, exact, MeasureSettings())
    assert sum(answer.steers or 0 for answer in found) > 0
    assert seen
    assert all(any(ids[: len(one.prompt)] == one.prompt for one in traces) for ids in seen)


def test_what_only_describes_an_answer_is_not_asked_for(engine: TransformersEngine) -> None:
    [trace, *_] = _steered(engine, Sampling())
    trace.attributes = {"humour": 3.0}
    assert asked(trace, engine.tokenizer) == {}  # it is no dial of this model
    trace.attributes = {"verbosity": 4.0}
    assert asked(trace, engine.tokenizer) == {}  # the prompt asks for another value
    trace.prompt = tuple(engine.tokenizer.prompt(trace.messages))
    assert asked(trace, engine.tokenizer) == {}
