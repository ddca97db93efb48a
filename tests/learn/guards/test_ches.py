"""The CHES score against its definition, from the model's own hidden states, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from midcourse.learn.batch import batch
from midcourse.learn.compute.network import Network
from midcourse.learn.guards.ches import Similarity
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.trace.tree import Run, Trace
from tests import tiny
from tests.learn import sample


def _by_hand(model: torch.nn.Module, trace: Trace, steer: int, which: int) -> float:
    """⟨mean h⁺, mean h⁻⟩ − ‖mean h⁺‖² at the states before each token."""
    one = trace.steers[steer]
    means = []
    for run in (one.chosen, one.rejected[which]):
        assert run is not None
        context, ids = trace.context(one), trace.run_ids(run)
        with torch.no_grad():
            hidden = model.model(torch.tensor([[*context, *ids]])).last_hidden_state[0]
        means.append(hidden[len(context) - 1 : -1].mean(0))
    return (means[0] @ means[1] - means[0] @ means[0]).item()


@pytest.mark.parametrize("way", ["tree", "rows"])
def test_it_is_its_definition(way: str) -> None:
    model = tiny.model("llama", dtype=torch.float64)
    traces = [sample.trace(seed, steers=3, sides=2) for seed in range(2)]
    made = batch(build(examples(traces, ("chosen", "rejected", "accepted"))))
    network = Network(model, way)
    similarity = Similarity()
    with torch.no_grad():
        similarity.see(made, network(made))
    assert len(similarity.scores) == 2 * 3 * 2
    for score in similarity.scores:
        expected = _by_hand(model, traces[score.trace], score.steer, score.which)
        assert score.ches == pytest.approx(expected, rel=1e-5)
    highest = max(similarity.scores)
    found = similarity.metrics()
    assert found is not None
    assert found["highest"][0]["ches"] == highest.ches
    assert found["lowest"] <= found["quartiles"][0] <= found["quartiles"][2] <= highest.ches
    assert similarity.notice is not None
    assert f"highest {highest.name}, steer {highest.steer} (" in similarity.notice


def test_sides_that_go_on_alike_score_higher() -> None:
    trace = Trace("t", [], (11, 12), "tiny", "none")
    trace.grow([20, 21], "model")
    tail = list(range(40, 52))
    for first, ids in ((30, [31, *tail]), (32, [33, *range(60, 72)])):
        bad = trace.branch(trace.at(trace.head, 2), ids, "model")
        trace.steer(trace.at(trace.head, 2), [first, *tail], [Run(bad.id, 2, 15)], move=False)
    single = trace.branch(trace.head, [35], "model")
    trace.steer(trace.head, [36], [Run(single.id, 2, 3)])
    network = Network(tiny.model("llama"))
    made = batch(build(examples([trace])))
    similarity = Similarity()
    similarity.see(made, network(made))
    assert [score.steer for score in sorted(similarity.scores, reverse=True)] == [0, 1], "one token each says nothing"


@pytest.mark.parametrize(
    ("objective", "similarity", "scored"),
    [
        ("dpo", "auto", True),
        ("dpo", "off", False),
        ("simpo", "auto", False),
        ("simpo", "on", True),
        ("sft", "on", False),
    ],
)
def test_a_run_scores_where_it_costs_nothing_or_is_asked_to(
    tmp_path: Path, objective: str, similarity: str, scored: bool
) -> None:
    settings = TrainSettings(objective=objective, similarity=similarity, epochs=1, dtype="float32", self_check=False)
    metrics = train(sample.loaded(), sample.traces(2), settings, tmp_path).metrics
    assert (metrics["similarity"] is not None) == scored
    assert any(note.startswith("similarity of both sides") for note in metrics["notices"]) == scored
    if scored:
        assert metrics["similarity"]["pairs"] == 8
