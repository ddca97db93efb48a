"""Scores: packed = rows, in order, every steer with both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from midcourse.errors import ContextError
from midcourse.learn.score import score
from midcourse.measure.margins import margins
from midcourse.trace.tree import Run
from tests import tiny
from tests.learn import sample


@pytest.mark.parametrize("name", tiny.MODELS)
def test_packed_and_rows_agree(name: str) -> None:
    traces = [sample.trace(seed, sides=1 + seed % 2, steers=3) for seed in range(6)]
    packed = list(score(sample.loaded(name), traces, max_tokens=200))
    rows = list(score(sample.loaded(name), traces, rows=True))
    assert [(one.trace, one.steer) for one in packed] == [(t, s) for t in range(6) for s in range(3)]
    for one, two, trace in zip(packed, rows, [t for t in traces for _ in range(3)], strict=True):
        steer = trace.steers[one.steer]
        assert one.chosen_tokens == two.chosen_tokens == len(trace.run_ids(steer.chosen))
        assert one.rejected_tokens == two.rejected_tokens == [len(trace.run_ids(run)) for run in steer.rejected]
        assert one.chosen_logp == pytest.approx(two.chosen_logp, abs=1e-3)
        assert one.rejected_logp == pytest.approx(two.rejected_logp, abs=1e-3)


def test_a_score_is_what_the_model_says() -> None:
    loaded, trace = sample.loaded(), sample.trace(1)
    for one in score(loaded, [trace]):
        steer = trace.steers[one.steer]
        context, ids = trace.context(steer), trace.run_ids(steer.chosen)
        with torch.no_grad():
            logp = loaded.model(torch.tensor([[*context, *ids]])).logits[0].log_softmax(-1)
        expected = sum(logp[len(context) + place - 1, token].item() for place, token in enumerate(ids))
        assert one.chosen_logp == pytest.approx(expected, abs=1e-4)


def test_steers_of_weight_zero_marks_and_traces_without_steers() -> None:
    light, none, marked = sample.trace(1, weight=0.0, steers=1), sample.trace(2, steers=0), sample.trace(3, steers=1)
    marked.steer(marked.at(marked.head, 2), None, [Run(marked.at(marked.head, 3).span, 2, 3)])
    scores = list(score(sample.loaded(), [light, none, marked]))
    assert [(one.trace, one.steer) for one in scores] == [(0, 0), (2, 0), (2, 1)]
    assert (scores[2].chosen_logp, scores[2].chosen_tokens) == (None, None)
    assert scores[2].rejected_tokens == [1]
    assert list(score(sample.loaded(), [none])) == []


def test_what_is_set_aside_is_scored_and_not_measured() -> None:
    """A line of `score` is counted on; a margin speaks of steers that somebody stands by."""
    trace, loaded = sample.trace(1, steers=3), sample.loaded()
    plain = list(score(loaded, [trace]))
    trace.steers[1] = replace(trace.steers[1], aside=True)
    assert list(score(loaded, [trace])) == plain
    assert margins(loaded, [trace]) == {(0, 0): plain[0], (0, 2): plain[2]}


def test_a_trace_beyond_the_context_is_named() -> None:
    loaded = sample.loaded()
    loaded.context_length = 20
    with pytest.raises(ContextError, match=r"trace 0 \(t1\)"):
        next(score(loaded, [sample.trace(1)]))
