"""Runs to be shared by processes: `python -m tests.learn.shared_run WORK NAME…`, under a launcher or alone.

WORK/NAME then has the run's files and, for each process, `rank-N.pt` with the gradients of its first step.
NAME is a name in `RUNS`; with "-sharded" the weights are divided; "fails" raises in the second process at its third
step; "resumed" goes on where "fails" stopped.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

from midcourse.learn.cluster import processes
from midcourse.learn.settings import TrainSettings
from midcourse.learn.trainer import SteerTrainer
from midcourse.learn.training import train
from tests.learn import sample

ALL: dict[str, Any] = {"learning_rate": 1e-2, "dtype": "float32", "batch": 3, "seed": 7, "checkpoint_every": 2}
ADAPTER = {"objective": "dpo + sft + 0.1*anchor", "epochs": 2}
RUNS: dict[str, dict[str, Any]] = {
    "adapter": ADAPTER,
    "fails": ADAPTER,
    "resumed": ADAPTER,
    "packs": {"objective": "dpop", "max_tokens": 64, "epochs": 1},
    "full": {
        "objective": "dpo + 0.1*anchor",
        "epochs": 1,
        "full": True,
        "clip": 0.1,
        "hold_out": 0.3,
        "learning_rate": 1e-3,
    },
}
TRACES = 7  # steps of 3, 3 and 1 traces: the last one leaves a process with nothing to do


def run(work: Path, name: str) -> None:
    """One run of a tiny model in float64; all weights can only be trained in float32."""
    kind, _, sharded = name.partition("-")
    os.environ["ACCELERATE_USE_FSDP"] = str(bool(sharded)).lower()
    kept: dict[str, torch.Tensor] = {}
    really = SteerTrainer.training_step

    def step(self: SteerTrainer, *arguments: Any) -> torch.Tensor:
        loss = really(self, *arguments)
        if not kept:
            for weight_name, weight in self.network.model.named_parameters():
                if weight.grad is not None:
                    gradient: Any = weight.grad
                    kept[weight_name] = (
                        gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient
                    ).clone()
        if kind == "fails" and self.everyone.rank == 1 and self.state.global_step == 2:
            raise RuntimeError("this process fails on purpose")
        return loss

    output = work / ("fails" if kind == "resumed" else name)
    SteerTrainer.training_step = step  # type: ignore[method-assign]
    try:
        settings = TrainSettings(**ALL | RUNS[kind])
        loaded = sample.loaded(dtype=torch.float64)
        done = train(loaded, sample.traces(TRACES), settings, output, resume=kind == "resumed")
    finally:
        SteerTrainer.training_step = really  # type: ignore[method-assign]
    rank = int(os.environ.get("RANK", "0"))
    torch.save({"gradients": kept, "notices": done.notices}, output / f"rank-{rank}.pt")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for one in sys.argv[2:]:
        run(Path(sys.argv[1]), one)
    processes.leave()
