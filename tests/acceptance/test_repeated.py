"""A run from another run's `run.yaml` ends with the same adapter, byte for byte."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance import child
from tests.acceptance.conftest import card, write


def test_a_run_repeats_another(model: Path, tmp_path: Path) -> None:
    traces, one, two, three = (tmp_path / name for name in ("steers.jsonl", "one", "two", "three"))
    write(traces, *map(card, range(5)))
    config = tmp_path / "config.yaml"
    config.write_text("objective: dpo + sft\nlora_dropout: 0.1\nepochs: 9\n")
    flags = (
        "--model",
        model,
        "--config",
        config,
        "--epochs",
        2,
        "--batch",
        2,
        "--seed",
        5,
        "--threads",
        1,
        "--hold-out",
        0.2,
    )
    first = child.run("train", "--traces", traces, "--output", one, *flags)
    assert first.code == 0, first.err
    said = " ".join(first.err.split())
    assert "epochs 2 (flag)" in said
    assert "objective dpo + sft (config.yaml)" in said
    assert "held out, step 4: loss " in said

    again = child.run("train", "--config", one / "run.yaml", "--output", two, OMP_NUM_THREADS=2)
    assert again.code == 0, again.err
    assert "not the recorded run" not in again.err
    adapter = "adapter_model.safetensors"
    assert (two / adapter).read_bytes() == (one / adapter).read_bytes()
    assert (two / "run.yaml").read_text() == (one / "run.yaml").read_text()

    write(traces, *map(card, range(4)))
    other = child.run("train", "--config", two / "run.yaml", "--output", three)
    assert other.code == 0, other.err
    assert "not the recorded run" in other.err
    assert "files.traces was" in " ".join(other.err.split())
    assert (three / adapter).read_bytes() != (one / adapter).read_bytes()


def test_all_that_is_wrong_in_a_recipe_comes_together(cards: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"trace: {cards}\nepochs: 0\nlearning-rate: 1e-3\n")
    ran = child.run("train", "--config", config, "--output", tmp_path / "out")
    assert ran.code == 2
    for says in ("trace: unknown setting; did you mean 'traces'?", "epochs: ", "did you mean 'learning_rate'?"):
        assert says in ran.err
    child.refused(child.run("train", "--output", tmp_path / "out"), "--traces")
    assert not (tmp_path / "out").exists()
