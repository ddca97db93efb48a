"""Trackers: what stands in a TensorBoard event file, and trackers that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from midcourse.errors import ConfigError
from midcourse.learn.run.trackers import check
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from tests.learn import sample


def test_the_numbers_of_a_run_are_in_the_event_file(tmp_path: Path) -> None:
    settings = TrainSettings(
        objective="dpo + sft",
        epochs=2,
        batch=2,
        dtype="float32",
        learning_rate=1e-2,
        self_check=False,
        schedule="constant",
        warmup=0,
        report_to=["tensorboard"],
        run_name="first",
    )
    held_out = [sample.trace(90)]
    metrics = train(sample.loaded(), sample.traces(6), settings, tmp_path, held_out=held_out).metrics
    found = EventAccumulator(str(tmp_path / "runs" / "first")).Reload()
    curves = {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    names = "loss learning_rate grad_norm margin accuracy chosen_change rejected_change tokens_per_second"
    for name in names.split():
        assert [step for step, _ in curves[f"train/{name}"]] == [1, 2, 3, 4, 5, 6], name
    assert [value for _, value in curves["train/learning_rate"]] == pytest.approx([1e-2] * 6)
    assert not [tag for tag in curves if "runtime" in tag or "flos" in tag]

    # each entry is of its own step, so an epoch is the mean of its entries (all steps have two traces of four steers)
    for name in ("loss", "margin", "chosen_change"):
        values = [value for _, value in curves[f"train/{name}"]]
        for number, epoch in enumerate(metrics["epochs"]):
            assert epoch[name] == pytest.approx(sum(values[3 * number : 3 * number + 3]) / 3, rel=1e-4)
    evaluations = metrics["held_out"]["evaluations"]
    for name in ("loss", "margin", "accuracy"):
        assert curves[f"eval/{name}"] == [(one["step"], pytest.approx(one[name], rel=1e-5)) for one in evaluations]


def test_entries_are_as_far_apart_as_wanted(tmp_path: Path) -> None:
    settings = TrainSettings(
        epochs=2, batch=1, self_check=False, report_to=["tensorboard"], run_name="a", log_every=2, dtype="float32"
    )
    train(sample.loaded(), sample.traces(3), settings, tmp_path)
    found = EventAccumulator(str(tmp_path / "runs" / "a")).Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [2, 3, 4, 6]


def test_trackers_that_are_not_there_are_all_named_before_anything_starts(tmp_path: Path) -> None:
    settings = TrainSettings(report_to=["tensorbord", "tensorboard", "swanlab"])
    with pytest.raises(ConfigError) as caught:
        train(sample.loaded(), sample.traces(1), settings, tmp_path / "out")
    one, two = map(str, caught.value.problems)
    assert "report_to: unknown tracker 'tensorbord'; did you mean 'tensorboard'?" in one
    assert "report_to: swanlab is not installed: pip install swanlab" in two
    assert not (tmp_path / "out").exists()
    check([])


@pytest.mark.parametrize(
    "given", ["tensorboard,wandb", "tensorboard wandb", ["tensorboard", "wandb"], ["tensorboard, wandb"]]
)
def test_several_trackers_are_written_in_any_way(given: object) -> None:
    assert TrainSettings(report_to=given).report_to == ["tensorboard", "wandb"]


def test_none_is_none() -> None:
    assert TrainSettings(report_to="none").report_to == []
