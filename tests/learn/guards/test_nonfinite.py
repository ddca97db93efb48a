"""A number that is not finite stops the run, names the trace that brings it in, and keeps what was good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from midcourse import adapters
from midcourse.errors import TrainingError
from midcourse.learn.guards.nonfinite import culprits, finite
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.run import checkpoints
from midcourse.learn.run.progress import Progress
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.models import Loaded
from midcourse.trace.tree import Trace
from tests.learn import sample

BAD = 96  # a token that only one trace has
SETTINGS: dict[str, Any] = {"objective": "sft", "dtype": "float32", "epochs": 2, "batch": 2, "checkpoint_every": 1}


def traces() -> list[Trace]:
    """Six traces; the third one's second steer is the first to come after a bad token."""
    found = [trace for seed in range(40) if not _has(trace := sample.trace(seed, steers=3), BAD)][:6]
    span = found[2].spans[found[2].steers[0].chosen.span]  # on the way to the second steer, not to the first
    found[2].spans[span.id] = type(span)(span.id, span.parent, span.fork, (*span.ids[:-1], BAD), span.source)
    return found


def _has(trace: Trace, token: int) -> bool:
    return token in trace.prompt or any(token in span.ids for span in trace.spans)


def _with_infinite_embedding() -> Loaded:
    loaded = sample.loaded()
    loaded.model.get_input_embeddings().weight[BAD] = torch.inf
    return loaded


def _with_nan_gradient() -> Loaded:
    """The gradient at rows of a bad token is lost half-way down; the loss is as it should be."""
    loaded = sample.loaded()
    decoder: Any = loaded.model.get_decoder()
    seen: dict[str, Tensor] = {}

    def note(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        seen["ids"] = inputs["input_ids"]

    def poison(_: Any, __: Any, output: Any) -> None:
        hidden = output if isinstance(output, Tensor) else output[0]
        bad = (seen["ids"] == BAD)[..., None]
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: gradient.masked_fill(bad, torch.nan))

    decoder.register_forward_pre_hook(note, with_kwargs=True)
    decoder.layers[1].register_forward_hook(poison)
    return loaded


def _seed(third_comes_in_step: int) -> int:
    from midcourse.learn.packing import steps

    return next(s for s in range(99) if 2 in steps(6, 2, seed=s, epoch=0)[third_comes_in_step - 1])


@pytest.mark.parametrize(("make", "what"), [(_with_infinite_embedding, "loss"), (_with_nan_gradient, "gradient")])
def test_the_culprit_is_named_and_what_was_good_is_kept(tmp_path: Path, make: Any, what: str) -> None:
    output = tmp_path / "out"
    settings = TrainSettings(**SETTINGS, seed=_seed(3), self_check=False)
    with pytest.raises(TrainingError) as caught:
        train(make(), traces(), settings, output, places=[f"file.jsonl:{line}" for line in range(1, 7)])
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

    good = [trace for number, trace in enumerate(traces()) if number != 2]
    train(sample.loaded(), good, settings, output)
    assert not (output / checkpoints.LAST_GOOD).exists()


def test_before_the_first_step_nothing_is_kept(tmp_path: Path) -> None:
    settings = TrainSettings(**SETTINGS, seed=_seed(1), self_check=False)
    with pytest.raises(TrainingError, match=r"at step 1, in trace 2 .*Nothing was trained\."):
        train(_with_infinite_embedding(), traces(), settings, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"checkpoints", "run.yaml"}


def test_weights_that_are_lost_are_not_kept(tmp_path: Path) -> None:
    loaded = sample.loaded()

    def spoil(progress: Progress) -> None:
        if progress.phase == "train" and progress.step == 2:
            for name, value in loaded.model.named_parameters():
                if "lora_A" in name:
                    value.data.fill_(torch.nan)

    settings = TrainSettings(**SETTINGS | {"checkpoint_every": 0}, self_check=False)
    with pytest.raises(TrainingError, match="The trained weights themselves are not finite since step 2"):
        train(loaded, traces(), settings, tmp_path / "out", spoil)
    assert not (tmp_path / "out" / checkpoints.LAST_GOOD).exists()


def test_a_model_that_is_broken_from_the_start_is_found_by_the_self_check(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"trace 0 .*: the untrained model gives .* no finite probability"):
        train(_with_infinite_embedding(), traces()[2:3], TrainSettings(**SETTINGS), tmp_path / "out")


def test_a_broken_reference_names_the_trace(tmp_path: Path) -> None:
    settings = TrainSettings(**SETTINGS | {"objective": "dpo"}, self_check=False)
    with pytest.raises(
        TrainingError, match=r"reference's log-probabilities are not finite in trace 2 \(t.*steers 1, 2"
    ):
        train(_with_infinite_embedding(), traces(), settings, tmp_path / "out")


def test_a_fault_of_all_together_is_said_so() -> None:
    found = examples(traces()[:3])
    assert culprits(found, lambda _: True).startswith("in no trace alone, but in trace 0")
    assert culprits(found, lambda _: False).endswith("(3 of the step's 3 traces)")
    assert build(found).examples == found


def test_finite() -> None:
    assert finite([torch.ones(3), None, torch.zeros(2, 2)])
    assert finite([None])
    assert not finite([torch.ones(3), torch.tensor([1.0, torch.nan])])
    assert not finite([torch.tensor(torch.inf)])
