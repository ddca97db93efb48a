"""Training from traces to an adapter in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from midcourse.errors import ContextError, UserError
from midcourse.learn.run.progress import Progress
from midcourse.learn.score import score
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.models import adapters
from midcourse.trace.tree import Run, Trace
from tests.learn import sample

FAST = {"learning_rate": 1e-2, "dtype": "float32", "epochs": 3, "batch": 2}


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_steers_are_learned_and_all_is_written(tmp_path: Path) -> None:
    loaded = sample.loaded()
    traces = sample.traces(6)
    before = list(score(loaded, traces))
    base = _weights(loaded.model)
    reports: list[Progress] = []
    result = train(loaded, traces, TrainSettings(objective="dpo + sft", **FAST), tmp_path / "out", reports.append)
    after = list(score(loaded, traces))

    def margin(scores: list) -> float:
        return sum(one.chosen_logp - one.rejected_logp[0] for one in scores) / len(scores)

    assert margin(after) > margin(before) + 1
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "metrics.json", "run.yaml"} <= names
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    assert metrics["steers"] == 24
    assert metrics["dtype"] == "float32"
    assert {"seconds_per_epoch", "tokens", "peak_memory_bytes"} <= metrics.keys()
    epochs = metrics["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert epochs[-1]["margin"] > 0
    last = [report for report in reports if report.phase == "train"][-1]
    assert (last.step, last.steps) == (9, 9)
    for name, value in loaded.model.get_base_model().named_parameters():
        if "lora_" not in name:
            assert torch.equal(value, base[name.replace(".base_layer", "")])

    fresh = sample.loaded()
    adapters.attach(fresh, str(tmp_path / "out"))
    for one, two in zip(score(fresh, traces), after, strict=True):
        assert one.chosen_logp == pytest.approx(two.chosen_logp, abs=1e-5)


def test_bfloat16_learns_what_float32_learns(tmp_path: Path) -> None:
    """Autocast may not keep its first cast of a weight that is being trained: the loss would stand still."""
    losses = {}
    for dtype in ("float32", "bfloat16"):
        settings = TrainSettings(**(FAST | {"dtype": dtype}))
        metrics = train(sample.loaded(), sample.traces(4), settings, tmp_path / dtype).metrics
        losses[dtype] = metrics["epochs"][-1]["loss"]
        assert losses[dtype] < metrics["epochs"][0]["loss"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


def test_all_weights_can_be_trained(tmp_path: Path) -> None:
    loaded = sample.loaded()
    base = _weights(loaded.model)
    settings = TrainSettings(objective="dpop + 0.1*anchor", full=True, **FAST)
    result = train(loaded, sample.traces(4), settings, tmp_path / "out")
    assert all(not torch.equal(value, base[name]) for name, value in loaded.model.named_parameters())
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert result.metrics["epochs"][0]["anchor_kl_per_token"] >= 0
    assert result.metrics["epochs"][-1]["chosen_change"] > 0


def test_a_second_round_goes_on_or_starts_afresh(tmp_path: Path) -> None:
    loaded = sample.loaded()
    traces = sample.traces(4)
    train(loaded, traces, TrainSettings(**FAST), tmp_path / "one")
    first = {name: value for name, value in _weights(loaded.model).items() if "lora_B" in name}
    train(loaded, traces, TrainSettings(**FAST), tmp_path / "two")
    second = _weights(loaded.model)
    assert all(not torch.equal(value, second[name]) for name, value in first.items())
    train(loaded, traces, TrainSettings(fresh=True, **FAST), tmp_path / "three")
    third = _weights(loaded.model)
    for name, value in first.items():
        torch.testing.assert_close(third[name], value, rtol=0, atol=0)


def test_a_reference_is_computed_once(tmp_path: Path) -> None:
    loaded = sample.loaded()
    settings = TrainSettings(objective="dpo", **FAST)
    one = train(loaded, sample.traces(3), settings, tmp_path / "one").reference
    assert one is not None
    known = len(one)
    two = train(loaded, sample.traces(4), settings, tmp_path / "two", reference=one).reference
    assert two is one
    assert len(one) > known


def test_marks_are_told_of(tmp_path: Path) -> None:
    trace = sample.trace(1)
    at = trace.at(trace.head, 2)
    trace.steer(at, None, [Run(trace.at(trace.head, 3).span or 0, 2, 3)])
    result = train(sample.loaded(), [trace], TrainSettings(objective="dpo", **FAST), tmp_path / "out")
    assert any("1 steer is a mark (of 5)" in notice for notice in result.notices)


@pytest.mark.parametrize("objective", ["tdpo2 + sft", "listwise + orpo", "bdpo + ddpo + hinge", "unlikelihood"])
def test_other_objectives_learn_too(objective: str, tmp_path: Path) -> None:
    traces = sample.traces(3, sides=2)
    for trace in traces:
        mark = Run(trace.at(trace.head, 4).span or 0, 2, 4)
        trace.steer(trace.at(trace.head, 2), None, [mark], move=False)
    settings = TrainSettings(objective=objective, horizon=3, **FAST)
    epochs = train(sample.loaded(), traces, settings, tmp_path / "out").metrics["epochs"]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    if objective == "unlikelihood":
        assert epochs[-1]["marked_logp_per_token"] < epochs[0]["marked_logp_per_token"]


def test_nothing_to_learn_from_is_said_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to train on"):
        train(sample.loaded(), [Trace("e", [], (5,), "tiny", "none")], TrainSettings(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_too_long_is_cut_left_out_or_an_error(tmp_path: Path) -> None:
    loaded = sample.loaded()
    loaded.context_length = 40
    traces = [sample.trace(1, steers=1), sample.trace(2, steers=9)]
    with pytest.raises(ContextError, match=r"sees 40 tokens, .* Too long: trace 1 \(t2\), steer \d: context of \d+"):
        train(loaded, traces, TrainSettings(long="error"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    counts = []
    for long in ("cut", "skip"):
        metrics = train(loaded, traces, TrainSettings(long=long, **FAST), tmp_path / long).metrics
        assert metrics["cut"]
        assert metrics["cut"][0]["context"] > metrics["cut"][0]["kept"]
        counts.append(metrics["steers"])
        assert any("because too long: trace 1 (t2), " in notice for notice in metrics["notices"])
    assert counts[0] == 10 > counts[1]
    with pytest.raises(UserError, match="all of it is too long"):
        train(loaded, traces[:1], TrainSettings(objective="dpo", long="skip", max_tokens=16), tmp_path / "none")


def test_pieces_of_a_large_trace_learn_what_the_whole_does(tmp_path: Path) -> None:
    losses = []
    for max_tokens in (4096, 100):
        settings = TrainSettings(objective="dpo + accepted", max_tokens=max_tokens, **FAST)
        metrics = train(sample.loaded(), [sample.trace(4, steers=8)], settings, tmp_path / str(max_tokens)).metrics
        assert any("with the same gradient" in notice for notice in metrics["notices"]) == (max_tokens == 100)
        losses.append([epoch["loss"] for epoch in metrics["epochs"]])
        assert metrics["cut"] == []
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_watching_changes_nothing(tmp_path: Path) -> None:
    marked = sample.trace(7, steers=0)
    for _ in range(3):
        marked.steer(marked.at(marked.head, 2), None, [Run(0, 2, marked.depth(marked.head))], move=False)
    losses = []
    for watch in (False, True):
        settings = TrainSettings(objective="sft", watch=watch, **FAST)
        metrics = train(sample.loaded(), [*sample.traces(3), marked], settings, tmp_path / str(watch)).metrics
        losses.append([epoch["loss"] for epoch in metrics["epochs"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_all_weights_are_trained_in_float32(tmp_path: Path) -> None:
    loaded = sample.loaded(dtype=torch.bfloat16)
    train(loaded, sample.traces(3), TrainSettings(full=True, epochs=1), tmp_path)
    assert loaded.dtype == torch.float32
    assert {value.dtype for value in loaded.model.parameters()} == {torch.float32}
