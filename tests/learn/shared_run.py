"""Runs that two processes share: `python -m tests.learn.shared_run WORK` is torchrun for all launches of `PLAN`.

What takes long to import is imported once: torch's launcher forks its workers from here, and each launch makes several
runs. WORK/NAME is a run's output; WORK/found/NAME-RANK.pt has what a process saw of it: the gradients of its first
step, what was told, and the error that ended it. WORK/launches.json has the exit codes of the processes that failed.

A name is a kind (`RUNS`, `BROKEN`) and what is done with it: "sharded" divides the weights, "full" trains all of them,
"dpo" has a reference, "resumed" goes on where the run stopped. "raises" and "killed" end the second process at its
third step.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from midcourse.errors import MidcourseError
from midcourse.learn.cluster import processes
from midcourse.learn.settings import TrainSettings
from midcourse.learn.trainer import SteerTrainer
from midcourse.learn.training import train
from tests.learn import broken, sample

ALL: dict[str, Any] = {"learning_rate": 1e-2, "dtype": "float32", "batch": 3, "seed": 7, "checkpoint_every": 2}
LOOKED = {"hold_out": 0.3, "eval_every": 1}  # five traces are left; the first step's weights are the best
ADAPTER = {"objective": "dpo + sft + 0.1*anchor", "epochs": 2}
FULL = {
    "objective": "dpo + 0.1*anchor",
    "full": True,
    "clip": 0.1,
    "learning_rate": 3e-3,
    "batch": 2,
    "epochs": 1,
    **LOOKED,
}
RUNS: dict[str, dict[str, Any]] = {
    "adapter": ADAPTER,
    "raises": ADAPTER,
    "packs": {"objective": "dpop", "max_tokens": 64, "epochs": 2, **LOOKED},
    "full": FULL,
    "killed": FULL,
}
TRACES = 7  # steps of 3, 3 and 1 traces: the last one leaves a process with nothing to do
BROKEN = {"infinite": broken.with_infinite_embedding, "poisoned": broken.with_nan_gradient}
BROKEN_TRACES, BROKEN_BATCH, BROKEN_STEP = 8, 4, 2  # two traces a step for each process
PLAN = {
    "raises": ["raises-sharded"],
    "killed": ["killed-sharded"],
    "well": [
        *("infinite", "infinite-sharded", "poisoned-sharded", "poisoned-sharded-full"),
        *("infinite-dpo", "infinite-sharded-dpo"),
        *("adapter", "packs", "adapter-sharded", "packs-sharded", "full-sharded"),
        *("raises-resumed", "raises-sharded-resumed", "killed-sharded-resumed"),
    ],
}


def run(work: Path, name: str) -> None:
    """One run of a tiny model in float64; all weights can only be trained in float32."""
    kind, *ways = name.split("-")
    os.environ["ACCELERATE_USE_FSDP"] = str("sharded" in ways).lower()
    found: dict[str, Any] = {}
    really = SteerTrainer.training_step

    def step(self: SteerTrainer, *arguments: Any) -> torch.Tensor:
        loss = really(self, *arguments)
        if "gradients" not in found:
            found["gradients"] = _gradients(self.network.model)
        if self.everyone.rank == 1 and self.state.global_step == 2 and "resumed" not in ways:
            if kind == "raises":
                raise RuntimeError("this process fails on purpose")
            if kind == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        return loss

    SteerTrainer.training_step = step  # type: ignore[method-assign]
    try:
        if kind in BROKEN:
            loaded, traces, places = BROKEN[kind](), broken.traces(BROKEN_TRACES), broken.places(BROKEN_TRACES)
            chosen: dict[str, Any] = {
                "batch": BROKEN_BATCH,
                "seed": broken.seed(BROKEN_STEP, BROKEN_TRACES, BROKEN_BATCH),
            }
            chosen["objective"] = "dpo" if "dpo" in ways else "sft"
            settings = TrainSettings(**broken.SETTINGS | chosen, self_check=False, full="full" in ways)
        else:
            loaded, traces, places = sample.loaded(dtype=torch.float64), sample.traces(TRACES), []
            settings = TrainSettings(**ALL | RUNS[kind])
        output, resume = work / name.removesuffix("-resumed"), "resumed" in ways
        found["notices"] = train(loaded, traces, settings, output, resume=resume, places=places).notices
    except MidcourseError as error:
        found["error"] = (type(error).__name__, error.exit_code, str(error))
    except Exception as error:
        found["error"] = (type(error).__name__, 1, str(error))
        raise
    finally:
        SteerTrainer.training_step = really  # type: ignore[method-assign]
        torch.save(found, work / "found" / f"{name}-{os.environ.get('RANK', 0)}.pt")


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    found: dict[str, Any] = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return {
        name: (grad.full_tensor() if hasattr(grad, "full_tensor") else grad).clone() for name, grad in found.items()
    }


def _worker(work: Path, names: list[str]) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in names:
        run(work, name)
    processes.leave()


def _launch(work: Path, names: list[str]) -> dict[int, int]:
    """Make the runs `names` in two processes; the exit codes of those that failed first, by rank."""
    here = {"rdzv_backend": "c10d", "rdzv_endpoint": "127.0.0.1:0", "local_addr": "127.0.0.1", "run_id": names[0]}
    try:
        elastic_launch(LaunchConfig(1, 1, 2, start_method="fork", max_restarts=0, **here), _worker)(work, names)
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    return {}


if __name__ == "__main__":
    work = Path(sys.argv[1])
    (work / "found").mkdir()
    failed = {}
    for name, names in PLAN.items():
        failed[name] = _launch(work, names)
        if name == "raises":
            shutil.copytree(work / "raises-sharded", work / "raises")
    (work / "launches.json").write_text(json.dumps(failed))
