"""Held-out steers during training: what they come to, when to stop, and which weights to keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from midcourse.errors import UserError
from midcourse.learn.held_out import HeldOut
from midcourse.learn.run import checkpoints
from midcourse.learn.score import score
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import TrainResult, train
from midcourse.trace.tree import Run
from tests.learn import sample

FAST = {"learning_rate": 1e-2, "dtype": "float32", "epochs": 3, "batch": 2, "self_check": False}
HELD = [sample.trace(seed) for seed in (90, 91)]


def run(output: Path, *, held_out: Any = HELD, **settings: Any) -> tuple[TrainResult, Any]:
    loaded = sample.loaded()
    return train(loaded, sample.traces(6), TrainSettings(**FAST | settings), output, held_out=held_out), loaded


def test_the_numbers_are_those_of_scoring(tmp_path: Path) -> None:
    """Margin and accuracy over pairs, log-probability per token of the corrections; the loss of sft is its mean."""
    result, loaded = run(tmp_path, objective="sft", keep_best=False)
    held = result.metrics["held_out"]
    assert (held["traces"], held["steers"]) == (2, 8)
    for scored, found in ((sample.loaded(), held["evaluations"][0]), (loaded, held["evaluations"][-1])):
        lines = list(score(scored, HELD))
        margins = [line.chosen_logp - line.rejected_logp[0] for line in lines]
        assert found["margin"] == pytest.approx(sum(margins) / len(margins), abs=1e-4)
        assert found["accuracy"] == sum(margin > 0 for margin in margins) / len(margins)
        total = sum(line.chosen_logp for line in lines)
        assert found["chosen_logp_per_token"] == pytest.approx(
            total / sum(line.chosen_tokens for line in lines), abs=1e-5
        )
        assert found["loss"] == pytest.approx(-total / len(lines), rel=1e-4)
    assert [one["step"] for one in held["evaluations"]] == [0, 3, 6, 9]
    assert held == json.loads((tmp_path / "metrics.json").read_text())["held_out"]


def test_looking_changes_nothing(tmp_path: Path) -> None:
    """Not even with dropout, whose random numbers nobody else may use."""
    settings = {"objective": "dpo + sft", "lora_dropout": 0.2, "eval_every": 1, "keep_best": False}
    _, looked = run(tmp_path / "one", **settings)
    _, alone = run(tmp_path / "two", held_out=(), **settings)
    for one, two in zip(looked.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_best_weights_are_what_is_left(tmp_path: Path) -> None:
    """Random traces cannot be learned from others: the longer the training, the worse."""
    result, loaded = run(tmp_path, learning_rate=2e-2, epochs=8, eval_every=1, schedule="constant")
    held = result.metrics["held_out"]
    losses = {one["step"]: one["loss"] for one in held["evaluations"] if one["step"]}
    assert held["best"]["step"] == min(losses, key=losses.__getitem__) < max(losses)
    assert any(f"those after step {held['best']['step']}" in note for note in result.notices)
    found = HeldOut(network(loaded), supervised(), TrainSettings(**FAST), None).evaluate(0, 0.0, lambda *_: None)
    assert found["loss"] == pytest.approx(held["best"]["loss"], rel=1e-5)


def test_patience_ends(tmp_path: Path) -> None:
    result, _ = run(tmp_path, learning_rate=2e-2, epochs=30, eval_every=2, schedule="constant", patience=2)
    held = result.metrics["held_out"]
    assert held["stopped_early"]
    steps = [one["step"] for one in held["evaluations"]]
    assert steps[-1] - held["best"]["step"] == 4
    assert result.metrics["steps"] == steps[-1] < 90
    assert any("nothing better came" in note for note in result.notices)
    assert result.metrics["epochs"][-1]["epoch"] == pytest.approx(steps[-1] / 3)


def test_a_run_that_stopped_early_stops_there_again(tmp_path: Path) -> None:
    """Patience and the best are in the checkpoint: resumed from the last one, it ends there with the same weights.

    Even if what the run found after that checkpoint was better: a run that goes on need not find it, say on a GPU.
    """
    settings = TrainSettings(
        **FAST | {"learning_rate": 2e-2, "epochs": 30}, eval_every=2, patience=2, checkpoint_every=3, keep_checkpoints=1
    )

    def once(**options: Any) -> tuple[TrainResult, Any]:
        loaded = sample.loaded()
        return train(loaded, sample.traces(6), settings, tmp_path, held_out=HELD, **options), loaded

    one, first = once()
    save_file({}, tmp_path / checkpoints.FOLDER / checkpoints.BEST, {"step": "99"})
    two, second = once(resume=True)
    assert any("resuming after" in note for note in two.notices)
    assert one.metrics["steps"] == two.metrics["steps"]
    assert one.metrics["held_out"]["stopped_early"]
    assert two.metrics["held_out"]["stopped_early"]
    steps = [[line["step"] for line in run.metrics["held_out"]["evaluations"]] for run in (one, two)]
    assert steps[0] == steps[1]
    for value, again in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(value, again)


def test_a_share_is_held_out_of_the_traces(tmp_path: Path) -> None:
    result, _ = run(tmp_path, held_out=(), hold_out=0.4)
    assert (result.metrics["traces"], result.metrics["held_out"]["traces"]) == (4, 2)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    result, _ = run(tmp_path / "one", held_out=(), patience=2, epochs=1)
    assert any("nothing is held out" in note for note in result.notices)
    assert result.metrics["held_out"] is None
    result, _ = run(tmp_path / "two", held_out=sample.traces(1), epochs=1)
    assert any("1 held-out trace answers a conversation that is trained on" in note for note in result.notices)
    marked = sample.trace(95, steers=0)
    marked.steer(marked.at(marked.head, 2), None, [Run(0, 2, marked.depth(marked.head))], move=False)
    with pytest.raises(UserError, match="the held-out steers have no margin"):
        run(tmp_path / "three", held_out=[marked], metric="margin")


def network(loaded: Any) -> Any:
    from midcourse.learn.compute.network import Network

    return Network(loaded.model)


def supervised() -> Any:
    from midcourse.learn import supervision

    return supervision.held_out(HELD, TrainSettings(**FAST))
