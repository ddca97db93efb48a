"""Ctrl-C, and readers that leave: exit code 130 or 0, no traceback, nothing half-done."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance import child
from tests.acceptance.child import Terminal
from tests.acceptance.conftest import card, write
from tests.waiting import PATIENCE


def interrupt(happened: Callable[[], object], *arguments: object) -> str:
    """Run a command and press Ctrl-C when something has happened; it ends as interrupted. What it said."""
    process = child.start(*arguments)
    with process:
        child.until(happened, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, (out, err)
    assert out == ""
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1] == "interrupted"
    return err


def test_ctrl_c(model: Path, cards: Path, many: Path, tmp_path: Path) -> None:
    base = ("--model", model, "--traces")
    store, scores, adapter, report = (tmp_path / name for name in ("s.db", "scores", "adapter", "report"))
    log = tmp_path / "s.db-wal"

    def importing() -> None:
        interrupt(
            lambda: log.exists() and log.stat().st_size > 50_000, "import", "--model", model, many, "--store", store
        )
        assert child.run("verify", "--store", store, "--json").json["traces"] == 0

    def scoring() -> None:
        out = scores / "s.jsonl"
        interrupt(lambda: scores.exists() and list(scores.iterdir()), "score", *base, many, "--out", out, "--rows")
        assert list(scores.iterdir()) == []

    def training() -> None:
        mark = adapter / "checkpoints" / "checkpoint-4"
        interrupt(
            mark.exists, "train", *base, cards, "--output", adapter, "--checkpoint-every", 2, "--batch", 1,
            "--epochs", 1000,
        )  # fmt: skip
        assert not (adapter / "adapter_model.safetensors").exists()
        assert not list(adapter.rglob(".part*"))
        assert list((adapter / "checkpoints").glob("checkpoint-*"))

    def measuring() -> None:
        interrupt(report.exists, "measure", *base, many, "--out", report)
        assert list(report.iterdir()) == []

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(job) for job in (importing, scoring, training, measuring)]:
            done.result()


def lines(process: subprocess.Popen[str], until: str) -> list[str]:
    """What a process says on standard error, up to a line with `until` in it."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if until in line:
            return said
    raise AssertionError(f"it ended before it said {until!r}: {said}")


def test_a_training_that_is_interrupted_goes_on_as_if_it_had_not_been(model: Path, cards: Path, tmp_path: Path) -> None:
    """Without `--checkpoint-every`; dropout tells whether the random state is taken up."""
    settings = ("--model", model, "--traces", cards, "--batch", 1, "--epochs", 4, "--lora-dropout", 0.1)

    def stop(number: signal.Signals) -> Path:
        output = tmp_path / number.name
        process = child.start("train", *settings, "--output", output)
        with process:
            lines(process, "epoch 1/4 · step 1/40")
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, err
        assert out == ""
        said = err.splitlines()
        assert said[-1] == "interrupted"
        assert "once more stops at once" in err
        assert f"train --config {output}/run.yaml --output {output} --resume" in said[-2]
        [checkpoint] = (output / "checkpoints").glob("checkpoint-*")
        assert 1 <= int(checkpoint.name.rpartition("-")[2]) < 40
        assert not (output / "adapter_model.safetensors").exists()
        return output

    with ThreadPoolExecutor(2) as pool:
        stopped = list(pool.map(stop, (signal.SIGINT, signal.SIGTERM)))
    done = child.both(
        *(("train", "--config", output / "run.yaml", "--output", output, "--resume") for output in stopped),
        ("train", *settings, "--output", tmp_path / "whole"),
    )
    assert [ran.code for ran in done] == [0, 0, 0], done
    adapters = [(path / "adapter_model.safetensors").read_bytes() for path in (*stopped, tmp_path / "whole")]
    assert adapters[0] == adapters[1] == adapters[2]
    assert all("resuming after" in ran.err and "nothing to resume" not in ran.err for ran in done[:2])


def test_a_second_ctrl_c_stops_at_once(model: Path, tmp_path: Path) -> None:
    """In the middle of a step: each has all the traces."""
    output = tmp_path / "out"
    traces = write(tmp_path / "traces.jsonl", *map(card, range(400)))
    flags = ("--batch", 400, "--epochs", 1000, "--no-self-check")
    process = child.start("train", "--model", model, "--traces", traces, "--output", output, *flags)
    with process:
        lines(process, "step 1/1000")
        process.send_signal(signal.SIGINT)
        lines(process, "once more stops at once")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "interrupted"
    assert [path.name for path in (output / "checkpoints").iterdir()] == ["run.json"]
    assert not (output / "adapter_model.safetensors").exists()


def test_ctrl_c_in_a_session_stops_the_model_and_twice_at_the_prompt_leaves(model: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    flags = ("--model", model, "--store", store, "--prompt", "Hello")
    with Terminal("steer", *flags, "--max-tokens", 1900) as terminal:
        terminal.wait("context 2,048\\s+\\S")
        terminal.child.send_signal(signal.SIGINT)
        terminal.wait("steer( \\(ended\\))?> ")
        terminal.type(":quit")
        assert terminal.finish()[0] == 0
    with Terminal("steer", *flags, "--max-tokens", 4) as terminal:
        terminal.wait("steer( \\(ended\\))?> ")
        terminal.type("+ right")
        terminal.wait("steer( \\(ended\\))?> ")
        terminal.press_ctrl_c()
        terminal.wait(":quit leaves[^>]*> ")
        terminal.press_ctrl_c()
        code, shown = terminal.finish()
        assert code == 130
        assert "Traceback" not in shown
    assert [steer["chosen"] for steer in child.run("list", "--store", store, "--json").json["steers"]] == ["right"]


@pytest.fixture(scope="module")
def store(model: Path, many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "s.db"
    assert child.run("import", "--model", model, many, "--store", path).code == 0
    return path


def test_readers_that_leave(store: Path) -> None:
    """As `| head -1` does: no complaint, and no failure."""
    commands = (
        ("list", "--store", store, "--limit", 900),
        ("list", "--store", store, "--limit", 900, "--json"),
        ("--help",),
    )
    for arguments in commands:
        reading, writing = os.pipe()
        process = subprocess.Popen(child.command(*arguments), stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")


def test_an_output_that_takes_nothing(store: Path) -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            child.command("verify", "--store", store), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert process.returncode == 2
    assert process.stderr == "error: the output: the disk is full; nothing half-written was kept\n"
    with open("/dev/full", "w") as full:
        assert subprocess.run(child.command("verify", "--store", "none.db"), stderr=full).returncode == 2
