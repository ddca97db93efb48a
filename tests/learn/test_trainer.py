"""The loop itself: what it does with the model that it is given."""

from __future__ import annotations

from pathlib import Path

import torch

from midcourse.learn.compute.network import Network
from midcourse.learn.items import examples
from midcourse.learn.run.progress import silent
from midcourse.learn.settings import TrainSettings
from midcourse.learn.trainer import SteerTrainer
from tests import tiny
from tests.learn import sample


def test_the_model_stays_on_its_device(tmp_path: Path) -> None:
    """`meta` stands for a device that is not the one that transformers would choose."""
    model = tiny.model("llama").to("meta")
    trainer = SteerTrainer(
        Network(model), examples(sample.traces(2)), TrainSettings(dtype="float32"), tmp_path, silent, None
    )
    trainer.create_optimizer_and_scheduler(3)
    prepared = trainer.accelerator.prepare(trainer.model)
    assert {parameter.device.type for parameter in prepared.parameters()} == {"meta"}
    assert trainer.args.n_gpu <= 1
    assert torch.device("meta") == trainer.network.device
