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
from tests.acceptance.child import PATIENCE, Terminal


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
            lambda: log.exists() and log.stat().st_size > 500_000, "import", "--model", model, many, "--store", store
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
        assert mark.exists() or list((adapter / "checkpoints").glob("checkpoint-*"))

    def measuring() -> None:
        interrupt(report.exists, "measure", *base, many, "--out", report)
        assert list(report.iterdir()) == []

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(job) for job in (importing, scoring, training, measuring)]:
            done.result()


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
        terminal.child.send_signal(signal.SIGINT)
        terminal.wait(":quit leaves[^>]*> ")
        terminal.child.send_signal(signal.SIGINT)
        code, shown = terminal.finish()
        assert code == 130
        assert "Traceback" not in shown
    assert [steer["chosen"] for steer in child.run("list", "--store", store, "--json").json["steers"]] == ["right"]


@pytest.fixture
def store(model: Path, many: Path, tmp_path: Path) -> Path:
    assert child.run("import", "--model", model, many, "--store", tmp_path / "s.db").code == 0
    return tmp_path / "s.db"


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
