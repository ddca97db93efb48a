"""A number that is not finite stops the run, names the trace that brings it in, and keeps what was good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from midcourse.errors import TrainingError
from midcourse.learn.guards.nonfinite import culprits, finite
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.run import checkpoints
from midcourse.learn.run.progress import Progress
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.models import adapters
from tests.learn import broken, sample


@pytest.mark.parametrize(
    ("make", "what"), [(broken.with_infinite_embedding, "loss"), (broken.with_nan_gradient, "gradient")]
)
def test_the_culprit_is_named_and_what_was_good_is_kept(tmp_path: Path, make: Any, what: str) -> None:
    output = tmp_path / "out"
    settings = TrainSettings(**broken.SETTINGS, seed=broken.seed(3), self_check=False)
    with pytest.raises(TrainingError) as caught:
        train(make(), broken.traces(), settings, output, places=broken.places())
    message = str(caught.value)
    assert message.startswith(f"the {what} is not finite at step 3, in file.jsonl:3, steers 1, 2. What")
    assert "steers 1, 2. What was trained until step 2 is in" in message
    assert f"The last checkpoint is {output / 'checkpoints' / 'checkpoint-2'}" in message
    assert caught.value.exit_code == 1
    assert {path.name for path in output.iterdir()} == {"checkpoints", "run.yaml", checkpoints.LAST_GOOD}
    assert not checkpoints.partial(output).exists()

    kept, checkpoint = (
        load_file(folder / "adapter_model.safetensors")
        for folder in (output / checkpoints.LAST_GOOD, output / "checkpoints" / "checkpoint-2")
    )
    assert all(torch.equal(value, checkpoint[name]) for name, value in kept.items())
    adapters.attach(sample.loaded(), str(output / checkpoints.LAST_GOOD))

    good = [trace for number, trace in enumerate(broken.traces()) if number != 2]
    train(sample.loaded(), good, settings, output)
    assert not (output / checkpoints.LAST_GOOD).exists()


def test_before_the_first_step_nothing_is_kept(tmp_path: Path) -> None:
    settings = TrainSettings(**broken.SETTINGS, seed=broken.seed(1), self_check=False)
    with pytest.raises(TrainingError, match=r"at step 1, in trace 2 .*Nothing was trained\."):
        train(broken.with_infinite_embedding(), broken.traces(), settings, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"checkpoints", "run.yaml"}


def test_weights_that_are_lost_are_not_kept(tmp_path: Path) -> None:
    loaded = sample.loaded()

    def spoil(progress: Progress) -> None:
        if progress.phase == "train" and progress.step == 2:
            for name, value in loaded.model.named_parameters():
                if "lora_A" in name:
                    value.data.fill_(torch.nan)

    settings = TrainSettings(**broken.SETTINGS | {"checkpoint_every": 0}, self_check=False)
    with pytest.raises(TrainingError, match="The trained weights themselves are not finite since step 2"):
        train(loaded, broken.traces(), settings, tmp_path / "out", spoil)
    assert not (tmp_path / "out" / checkpoints.LAST_GOOD).exists()


def test_a_model_that_is_broken_from_the_start_is_found_by_the_self_check(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"trace 0 .*: the untrained model gives .* no finite probability"):
        train(
            broken.with_infinite_embedding(), broken.traces()[2:3], TrainSettings(**broken.SETTINGS), tmp_path / "out"
        )


def test_a_broken_reference_names_the_trace(tmp_path: Path) -> None:
    settings = TrainSettings(**broken.SETTINGS | {"objective": "dpo"}, self_check=False)
    with pytest.raises(
        TrainingError, match=r"reference's log-probabilities are not finite in trace 2 \(t.*steers 1, 2"
    ):
        train(broken.with_infinite_embedding(), broken.traces(), settings, tmp_path / "out")


def test_a_fault_of_all_together_is_said_so() -> None:
    found = examples(broken.traces()[:3])
    assert culprits(found, lambda _: True).startswith("in no trace alone, but in trace 0")
    assert culprits(found, lambda _: False).endswith("(3 of the step's 3 traces)")
    assert build(found).examples == found


def test_finite() -> None:
    assert finite([torch.ones(3), None, torch.zeros(2, 2)])
    assert finite([None])
    assert not finite([torch.ones(3), torch.tensor([1.0, torch.nan])])
    assert not finite([torch.tensor(torch.inf)])
