"""`accelerate launch -m midcourse train`: one run, one folder, one voice; and Ctrl-C at the launcher ends all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.acceptance import child
from tests.launched import launch

OPTIONS = ("--objective", "dpo + sft", "--epochs", 1, "--batch", 3, "--dtype", "float32")


def test_a_launched_run_is_the_plain_one(model: Path, cards: Path, tmp_path: Path) -> None:
    command = ("train", "--model", model, "--traces", cards, *OPTIONS, "--json")
    alone = child.run(*command, "--output", tmp_path / "one")
    assert alone.code == 0, alone.err
    ran = launch("midcourse", *command, "--output", tmp_path / "two", by="accelerate", folder=tmp_path / "said")
    assert ran.code == 0, ran.err
    metrics = ran.json  # one object, of one process
    assert metrics == json.loads((tmp_path / "two" / "metrics.json").read_text())
    assert metrics["processes"] == 2
    assert ran.err.count("2 processes") == 1
    one, two = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=2e-4)
    for key in ("loss", "chosen_logp_per_token"):
        assert metrics["epochs"][0][key] == pytest.approx(alone.json["epochs"][0][key], rel=1e-4)


def test_ctrl_c_at_the_launcher(model: Path, cards: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    ran = launch(
        "midcourse", "train", "--model", model, "--traces", cards, "--output", output, "--checkpoint-every", 2,
        "--batch", 2, "--epochs", 10_000, "--dtype", "float32",
        when=(output / "checkpoints" / "checkpoint-4").exists, folder=tmp_path / "said",
    )  # fmt: skip
    assert ran.code != 0
    assert ran.err.count("to go on from there") == 1
    assert not (output / "adapter_model.safetensors").exists()
    assert not list(output.rglob(".part*"))
    last = max((output / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    assert {"rng_state_0.pth", "rng_state_1.pth", "progress.json"} <= {path.name for path in last.iterdir()}
