"""Several processes do what one does: the same gradients, the same weights, one folder; and they end together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from midcourse.learn.cluster.processes import Processes, divide
from midcourse.learn.run import checkpoints
from tests.launched import run
from tests.learn import shared_run
from tests.weights import apart

STEP = 3e-3  # how far one step of these runs takes a weight, as a part of its norm, or further
SHARED = ("adapter", "packs", "adapter-sharded", "packs-sharded", "full-sharded")


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 8))
def test_every_part_has_one_owner_and_none_has_too_much(costs: list[int], count: int) -> None:
    """Graham's bound: nobody has more than the mean and the dearest part together."""
    shares = divide(costs, count)
    assert sorted(number for share in shares for number in share) == list(range(len(costs)))
    loads = [sum(costs[number] for number in share) for share in shares]
    assert max(loads) <= sum(costs) / count + max(costs, default=0)
    assert all(share == sorted(share) for share in shares)


def test_one_process_is_alone() -> None:
    alone = Processes()
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.arange(3.0)
    alone.add_up([weight])
    assert weight.grad.tolist() == [0, 1, 2]
    assert (alone.total([1.5]), alone.most(3), alone.gather("it"), alone.on_main(lambda: 7)) == ([1.5], 3, ["it"], 7)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs in this process."""
    work = tmp_path_factory.mktemp("alone")
    (work / "found").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_FSDP", "false")
        for name in ("adapter", "packs", "full"):
            shared_run.run(work, name)
    return work


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of two processes, those that were ended and those that were resumed among them."""
    work = tmp_path_factory.mktemp("work")
    ran = run("tests.learn.shared_run", work, folder=work / "said")
    assert ran.code == 0, ran.err
    assert _failed(work, "well") == {}, ran.err
    return work


def _failed(work: Path, launch: str) -> dict[str, int]:
    found: dict[str, int] = json.loads((work / "launches.json").read_text())[launch]
    return found


def _found(work: Path, name: str, rank: int = 0) -> Any:
    return torch.load(work / "found" / f"{name}-{rank}.pt")


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next(folder.glob("*model.safetensors")))


def _metrics(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text())


def _last(folder: Path) -> Path:
    found = checkpoints.last(folder)
    assert found is not None
    return found


def _equal(one: Path, two: Path) -> None:
    """The weights in both folders are the same to the bit."""
    before, now = _weights(one), _weights(two)
    assert before.keys() == now.keys()
    for name, value in before.items():
        assert torch.equal(value, now[name]), name


@pytest.mark.parametrize("name", SHARED)
def test_two_processes_have_the_gradients_of_one(shared: Path, alone: Path, name: str) -> None:
    kind = name.partition("-")[0]
    one = _found(alone, kind)["gradients"]
    for rank in range(2):
        two = _found(shared, name, rank)["gradients"]
        assert one.keys() == two.keys()
        for weight, gradient in one.items():
            error = (two[weight] - gradient).norm() / gradient.norm().clamp_min(1e-12)
            assert error < (1e-12 if kind == "packs" else 1e-5), weight  # an anchor's rows are read in float32


@pytest.mark.parametrize("name", SHARED)
def test_two_processes_reach_the_weights_of_one(shared: Path, alone: Path, name: str) -> None:
    """In the end, where those may be the best, and after the last step."""
    kind = name.partition("-")[0]
    for one, two in ((alone / kind, shared / name), (_last(alone / kind), _last(shared / name))):
        assert apart(_weights(one), _weights(two)) < (1e-9 if kind == "packs" else STEP / 10)


@pytest.mark.parametrize("name", SHARED)
def test_what_is_counted_is_counted_over_all(shared: Path, alone: Path, name: str) -> None:
    one, two = _metrics(alone / name.partition("-")[0]), _metrics(shared / name)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert (one["steers"], one["steps"]) == (two["steers"], two["steps"])
    for before, now in zip(one["epochs"], two["epochs"], strict=True):
        for key in ("loss", "margin", "chosen_logp_per_token", "chosen_change"):
            assert now[key] == pytest.approx(before[key], rel=1e-3, abs=1e-4), key
        assert before["tokens"] <= now["tokens"] < 1.2 * before["tokens"]  # beginnings are shared within a process


@pytest.mark.parametrize("name", ["packs", "packs-sharded", "full-sharded"])
def test_the_best_weights_are_what_is_left(shared: Path, alone: Path, name: str) -> None:
    """Those after the first step, in every process; the last ones are others."""
    folder = shared / name
    held, before = (_metrics(one)["held_out"] for one in (folder, alone / name.partition("-")[0]))
    assert held["best"]["step"] == before["best"]["step"] == 1 < held["evaluations"][-1]["step"]
    assert [one["loss"] for one in held["evaluations"]] == pytest.approx(
        [one["loss"] for one in before["evaluations"]], rel=1e-4
    )
    for rank in range(2):
        assert any("those after step 1, the best" in notice for notice in _found(shared, name, rank)["notices"])
    best, left, last = load_file(folder / "checkpoints" / checkpoints.BEST), _weights(folder), _weights(_last(folder))
    assert len(left) == len(best)
    for weight, value in left.items():
        assert torch.equal(value, best[weight if weight in best else weight.replace(".weight", ".default.weight")]), (
            weight
        )
        assert not torch.equal(value, last[weight]), weight


def test_a_process_that_fails_ends_all(shared: Path) -> None:
    for name in ("raises", "killed"):
        assert _failed(shared, name)
    assert _found(shared, "raises-sharded", 1)["error"] == ("RuntimeError", 1, "this process fails on purpose")
    assert not (shared / "found" / "killed-sharded-1.pt").exists()


@pytest.mark.parametrize(
    ("name", "whole"),
    [("raises", "adapter"), ("raises-sharded", "adapter-sharded"), ("killed-sharded", "full-sharded")],
)
def test_resumed_in_two_processes_is_uninterrupted(shared: Path, name: str, whole: str) -> None:
    """A run that was ended in its third step: the weights that are left, and all that was counted on the way."""
    notices = _found(shared, f"{name}-resumed")["notices"]
    assert any("resuming after 2 steps" in notice for notice in notices)
    _equal(shared / name, shared / whole)
    one, two = (_metrics(shared / folder) for folder in (name, whole))
    looked = [(one["held_out"] or {}).get("evaluations", []) for one in (one, two)]
    for again, before in zip(one["epochs"] + looked[0], two["epochs"] + looked[1], strict=True):
        assert again | {"seconds": 0} == before | {"seconds": 0}


def test_sharding_an_adapters_model_changes_nothing(shared: Path) -> None:
    _equal(shared / "adapter", shared / "adapter-sharded")


@pytest.mark.parametrize("name", ["adapter", "full-sharded"])
def test_a_checkpoint_is_whole(shared: Path, name: str) -> None:
    folder = _last(shared / name)
    names = {path.name for path in folder.iterdir()}
    assert {"optimizer.pt", "scheduler.pt", "rng_state_0.pth", "rng_state_1.pth", "progress.json"} <= names
    if name == "full-sharded":
        saved = _weights(folder)
        assert {key: value.shape for key, value in saved.items()} == {
            key: value.shape for key, value in _weights(shared / name).items()
        }


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("infinite", "loss"),
        ("infinite-sharded", "loss"),
        ("poisoned-sharded", "gradient"),
        ("poisoned-sharded-full", "gradient"),
    ],
)
def test_a_number_that_is_not_finite_ends_all(shared: Path, name: str, what: str) -> None:
    """One voice, with the trace among those of all processes; they are still in step, for they made the next runs."""
    output = shared / name
    error, code, message = _found(shared, name)["error"]
    assert (error, code) == ("TrainingError", 1)
    assert message.startswith(
        f"the {what} is not finite at step 2, in file.jsonl:3, steers 1, 2. What was trained until "
    )
    assert f"until step 1 is in {output / checkpoints.LAST_GOOD}. The last checkpoint is {_last(output)}." in message
    assert _found(shared, name, 1)["error"][:2] == ("ElsewhereError", 1)
    assert {path.name for path in output.iterdir()} == {"checkpoints", "run.yaml", checkpoints.LAST_GOOD}
    assert {path.name for path in (output / "checkpoints").iterdir()} == {"run.json", "checkpoint-1"}
    _equal(output / checkpoints.LAST_GOOD, output / "checkpoints" / "checkpoint-1")


@pytest.mark.parametrize("name", ["infinite-dpo", "infinite-sharded-dpo"])
def test_a_broken_reference_ends_all(shared: Path, name: str) -> None:
    """One process meets it, all look for it, and one says so."""
    error = ("TrainingError", 1, "the reference's log-probabilities are not finite in file.jsonl:3, steers 1, 2")
    assert _found(shared, name)["error"] == error
    assert _found(shared, name, 1)["error"][:2] == ("ElsewhereError", 1)
