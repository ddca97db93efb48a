"""A disk that takes no more: one message, exit code 2, and nothing half-done, whatever was being written.

The limit of a process on the size of its files stands for the disk; where the tests run as root, a real small one does.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import child
from tests.acceptance.child import refused
from tests.acceptance.conftest import card, write

SMALL = 100_000  # bytes: more than an empty store, less than what is written here


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("some") / "some.jsonl", *map(card, range(400)))


@pytest.fixture(scope="module")
def filled(model: Path, some: Path) -> Path:
    store = some.parent / "filled.db"
    assert child.run("import", "--model", model, some, "--store", store).code == 0
    return store


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_no_file_grows_beyond_its_limit(model: Path, cards: Path, some: Path, filled: Path, tmp_path: Path) -> None:
    base = ("--model", model, "--traces")
    scores, adapter, marks, report = (tmp_path / name for name in ("scores", "adapter", "checkpoints", "report"))
    imported, exported, scored, trained, marked, measured = child.both(
        lambda: child.run("import", "--model", model, some, "--store", tmp_path / "store" / "s.db", size=SMALL),
        lambda: child.run("export", "--store", filled, "--out", tmp_path / "e.jsonl", size=SMALL),
        lambda: child.run("score", *base, some, "--out", scores / "s.jsonl", size=SMALL // 2),
        lambda: child.run("train", *base, cards, "--output", adapter, "--epochs", 1, size=SMALL // 2),
        lambda: child.run("train", *base, cards, "--output", marks, "--checkpoint-every", 1, size=SMALL * 3 // 2),
        lambda: child.run("measure", *base, cards, "--out", report, "--drift-prompts", 1, size=5_000),
    )
    refused(imported, "store/s.db: the disk", "nothing")
    refused(exported, "e.jsonl cannot be written: File too large; nothing was changed")
    refused(scored, "s.jsonl cannot be written: File too large; nothing was changed")
    refused(trained, f"{adapter} cannot be written: File too large")
    refused(marked, "checkpoint-1 cannot be written", "make room, and start again")
    refused(measured, "measure.json cannot be written: File too large; nothing was changed")
    begun = [
        f"{folder}/{file}" for folder in ("adapter", "checkpoints") for file in ("checkpoints/run.json", "run.yaml")
    ]
    assert files(tmp_path) == [*begun, "store/s.db"]
    assert list(tmp_path.rglob(".part*")) == []

    again = child.run("import", "--model", model, some, "--store", tmp_path / "store" / "s.db", "--json")
    assert again.json["new"] == 400
    assert child.run("verify", "--store", tmp_path / "store" / "s.db", "--json").json["problems"] == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _mounts() -> bool:
    """Whether this process may mount."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


if _mounts():

    def test_a_full_disk(model: Path, cards: Path, some: Path, filled: Path, disk: Path) -> None:
        imported = child.run("import", "--model", model, some, "--store", disk / "s.db")
        refused(imported, "s.db: the disk is full; nothing of this was stored: make room")
        assert files(disk) == ["s.db"]  # an empty store, without the log of what was undone
        refused(child.run("export", "--store", filled, "--out", disk / "e.jsonl"), "No space left on device")
        (disk / "s.db").unlink()
        (disk / "other").write_bytes(bytes(200_000))
        base = ("--model", model, "--traces", cards)
        trained = child.run("train", *base, "--output", disk / "out", "--checkpoint-every", 1)
        refused(trained, "the disk is full", "nothing was trained")
        (disk / "other").write_bytes(bytes(299_000))
        refused(child.run("measure", *base, "--out", disk / "report", "--drift-prompts", 1), "No space left on device")
        assert files(disk) == ["other"]
