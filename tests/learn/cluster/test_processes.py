"""Several processes do what one does: the same gradients, the same weights, one folder; and they end together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from midcourse.learn.cluster.processes import Processes, divide
from midcourse.learn.run import checkpoints
from tests.launched import launch
from tests.learn import shared_run
from tests.ran import Ran

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
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def failed(work: Path) -> tuple[Ran, bool]:
    """Two processes, one of which fails in its third step; and whether an adapter was left."""
    ran = launch("tests.learn.shared_run", work, "fails", folder=work / "said-failed")
    return ran, (work / "fails" / "adapter_model.safetensors").exists()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs in this process."""
    work = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_FSDP", "false")
        for name in ("adapter", "packs", "full"):
            shared_run.run(work, name)
    return work


@pytest.fixture(scope="module")
def shared(work: Path, failed: tuple[Ran, bool]) -> Path:
    """All runs in two processes, among them the one that had failed, resumed."""
    ran = launch("tests.learn.shared_run", work, *SHARED, "resumed", folder=work / "said")
    assert ran.code == 0, ran.err
    return work


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next(folder.glob("*model.safetensors")))


@pytest.mark.parametrize("name", SHARED)
def test_two_processes_have_the_gradients_of_one(shared: Path, alone: Path, name: str) -> None:
    kind = name.partition("-")[0]
    one = torch.load(alone / kind / "rank-0.pt")["gradients"]
    for rank in range(2):
        two = torch.load(shared / name / f"rank-{rank}.pt")["gradients"]
        assert one.keys() == two.keys()
        for weight, gradient in one.items():
            error = (two[weight] - gradient).norm() / gradient.norm().clamp_min(1e-12)
            assert error < (1e-12 if kind == "packs" else 1e-5), weight  # an anchor's rows are read in float32


@pytest.mark.parametrize("name", SHARED)
def test_two_processes_reach_the_weights_of_one(shared: Path, alone: Path, name: str) -> None:
    kind = name.partition("-")[0]
    one, two = _weights(alone / kind), _weights(shared / name)
    assert one.keys() == two.keys()
    for weight, value in one.items():  # AdamW's steps of 0.01 look at the gradient's sign, and enlarge rounding
        torch.testing.assert_close(two[weight], value, rtol=0, atol=1e-9 if kind == "packs" else 2e-4)


@pytest.mark.parametrize("name", SHARED)
def test_what_is_counted_is_counted_over_all(shared: Path, alone: Path, name: str) -> None:
    one, two = (
        json.loads((folder / "metrics.json").read_text()) for folder in (alone / name.partition("-")[0], shared / name)
    )
    assert (one["processes"], two["processes"]) == (1, 2)
    assert (one["steers"], one["steps"]) == (two["steers"], two["steps"])
    for before, now in zip(one["epochs"], two["epochs"], strict=True):
        for key in ("loss", "margin", "chosen_logp_per_token", "chosen_change"):
            assert now[key] == pytest.approx(before[key], rel=1e-3, abs=1e-4), key
        assert before["tokens"] <= now["tokens"] < 1.2 * before["tokens"]  # beginnings are shared within a process


def test_a_process_that_fails_ends_all(failed: tuple[Ran, bool], work: Path) -> None:
    ran, whole = failed
    assert ran.code != 0
    assert "this process fails on purpose" in ran.err
    assert not whole


def test_resumed_in_two_processes_is_uninterrupted(shared: Path) -> None:
    one, two = _weights(shared / "adapter"), _weights(shared / "fails")
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    notices = torch.load(shared / "fails" / "rank-0.pt")["notices"]
    assert any("resuming after 2 steps" in notice for notice in notices)


def test_sharding_an_adapters_model_changes_nothing(shared: Path) -> None:
    one, two = _weights(shared / "adapter"), _weights(shared / "adapter-sharded")
    assert all(torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize("name", ["adapter", "full-sharded"])
def test_a_checkpoint_is_whole(shared: Path, name: str) -> None:
    folder = checkpoints.last(shared / name)
    assert folder is not None
    names = {path.name for path in folder.iterdir()}
    assert {"optimizer.pt", "scheduler.pt", "rng_state_0.pth", "rng_state_1.pth", "progress.json"} <= names
    if name == "full-sharded":
        saved = _weights(folder)
        assert {key: value.shape for key, value in saved.items()} == {
            key: value.shape for key, value in _weights(shared / name).items()
        }
