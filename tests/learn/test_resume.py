"""A run that is killed and resumed ends with the very weights of one that is not."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from midcourse.errors import ConfigError, ModelError, UserError
from midcourse.learn.run import checkpoints
from midcourse.learn.training import train
from tests import forked
from tests.learn import killed_run, sample
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("uninterrupted") / "out"
    killed_run.run(output)
    return output


def _kill(output: Path, where: str) -> None:
    """Start the run in a child and kill it there."""
    child = forked.Popen([sys.executable, "-m", "tests.learn.killed_run", str(output), where])
    try:
        limit = time.monotonic() + PATIENCE
        while not (output / "here").exists():
            assert child.poll() is None, "the child ended by itself"
            assert time.monotonic() < limit, "the child is stuck"
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    (output / "here").unlink()


# Steps 1-5 are the first epoch: within an epoch, on the end of one, and with checkpoint 6 half written.
@pytest.mark.parametrize(("where", "last"), [("step-9", 8), ("step-11", 10), ("checkpoint-6", 4)])
def test_resumed_equals_uninterrupted(tmp_path: Path, uninterrupted: Path, where: str, last: int) -> None:
    output = tmp_path / "out"
    _kill(output, where)
    found = checkpoints.last(output)
    assert found is not None
    assert found.name == f"checkpoint-{last}"
    result = killed_run.run(output, resume=True)
    assert any(f"resuming after {last} steps" in notice for notice in result.notices)

    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (output, uninterrupted))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (output, uninterrupted)]
    evaluations = [one["held_out"]["evaluations"] for one in metrics]
    assert [one["step"] for one in evaluations[0]] == [0, 3, 6, 9, 12, 15]
    for resumed, whole in zip(
        metrics[0]["epochs"] + evaluations[0], metrics[1]["epochs"] + evaluations[1], strict=True
    ):
        assert {key: value for key, value in resumed.items() if key != "seconds"} == {
            key: value for key, value in whole.items() if key != "seconds"
        }


def test_the_same_seed_gives_the_same_weights(tmp_path: Path, uninterrupted: Path) -> None:
    killed_run.run(tmp_path / "out")
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (tmp_path / "out", uninterrupted))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_another_run_is_not_resumed(uninterrupted: Path) -> None:
    settings = killed_run.SETTINGS.model_copy(update={"learning_rate": 0.5})
    with pytest.raises(ConfigError, match=r"learning_rate: the run to resume had 0.01, this one has 0.5"):
        killed_run.run(uninterrupted, resume=True, settings=settings)


def test_other_data_is_said_in_words(uninterrupted: Path) -> None:
    with pytest.raises(ConfigError, match=r"run.json: data: the run to resume had other traces"):
        train(sample.loaded(), sample.traces(9), killed_run.SETTINGS, uninterrupted, resume=True)


def test_how_often_checkpoints_are_written_is_no_other_run(tmp_path: Path, uninterrupted: Path) -> None:
    shutil.copytree(uninterrupted, tmp_path / "out")
    settings = killed_run.SETTINGS.model_copy(update={"checkpoint_every": 3, "keep_checkpoints": 1})
    killed_run.run(tmp_path / "out", resume=True, settings=settings)
    names = [path.name for path in (tmp_path / "out" / checkpoints.FOLDER).glob("checkpoint-*")]
    assert names == ["checkpoint-15"]


@pytest.mark.parametrize("file", ["optimizer.pt", "adapter_model.safetensors", "trainer_state.json", "progress.json"])
def test_a_damaged_checkpoint_is_named_and_nothing_is_changed(tmp_path: Path, uninterrupted: Path, file: str) -> None:
    shutil.copytree(uninterrupted, tmp_path / "out")
    damaged = tmp_path / "out" / checkpoints.FOLDER / "checkpoint-14" / file
    damaged.write_text("{")
    with pytest.raises(
        UserError, match=rf"checkpoint-14 is damaged \({file}\): remove it to go on from the one before"
    ):
        killed_run.run(tmp_path / "out", resume=True)
    damaged.unlink()
    if file == "progress.json":
        with pytest.raises(UserError, match=r"checkpoint-14 is damaged \(progress.json\)"):
            killed_run.run(tmp_path / "out", resume=True)


@pytest.mark.parametrize(("text", "why"), [("{", "damaged"), ("[]", "damaged"), (None, "missing")])
def test_checkpoints_of_nobody_knows_what_are_not_resumed(
    tmp_path: Path, uninterrupted: Path, text: str | None, why: str
) -> None:
    shutil.copytree(uninterrupted, tmp_path / "out")
    record = tmp_path / "out" / checkpoints.FOLDER / checkpoints.RECORD
    record.unlink()
    if text is not None:
        record.write_text(text)
    with pytest.raises(UserError, match=rf"run.json is {why}, .* start again without --resume"):
        killed_run.run(tmp_path / "out", resume=True)


def test_checkpoints_go_when_another_run_really_begins(tmp_path: Path, uninterrupted: Path) -> None:
    shutil.copytree(uninterrupted, tmp_path / "out")
    before = checkpoints.last(tmp_path / "out")
    settings = killed_run.SETTINGS.model_copy(update={"objective": "sft", "epochs": 1, "checkpoint_every": 0})
    with pytest.raises(ModelError):
        killed_run.run(tmp_path / "out", settings=settings.model_copy(update={"lora_targets": ["nothing"]}))
    assert checkpoints.last(tmp_path / "out") == before
    notices = killed_run.run(tmp_path / "out", settings=settings).notices
    assert f"the checkpoints of an earlier run go ({before}); --resume would have gone on from there" in notices
    assert checkpoints.last(tmp_path / "out") is None


def test_nothing_to_resume_is_a_start(tmp_path: Path) -> None:
    settings = killed_run.SETTINGS.model_copy(update={"epochs": 1, "objective": "sft"})
    result = killed_run.run(tmp_path / "out", resume=True, settings=settings)
    assert result.metrics["steps"] == 5


def test_only_the_newest_checkpoints_are_kept(uninterrupted: Path) -> None:
    names = sorted(path.name for path in (uninterrupted / checkpoints.FOLDER).iterdir() if path.is_dir())
    assert [name for name in names if name.startswith("checkpoint")] == ["checkpoint-12", "checkpoint-14"]
