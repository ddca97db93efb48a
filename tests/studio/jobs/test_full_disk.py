"""Where trainings write takes no more: the job says so, the studio lives, and with room again it goes on."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio.jobs.made import steered, train, wait
from tests.studio.running import Running


def test_a_folder_that_cannot_be(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Running(model, tmp_path / "traces.db", runs=tmp_path / "file" / "runs") as studio:
        steered(studio, 2)
        refused = studio.client.post("/api/jobs/train", json={"name": "cards"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk")
        assert studio.client.get("/api/jobs").json() == {"rows": []}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 160 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounts() -> bool:
    """Whether this process may mount."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as rest, contextlib.suppress(OSError):
        while True:
            rest.write(bytes(1024))


if _mounts():

    def test_a_full_disk(model: Path, tmp_path: Path, disk: Path) -> None:
        with Running(model, tmp_path / "traces.db", runs=disk / "runs") as studio:
            steered(studio, 4)
            full = {"settings": {"lora_rank": 64}, "hold_out": 0.0}
            id = train(studio, "cards", **full)["id"]
            failed = wait(studio, id, "failed")
            assert "the disk is full: 2.6 MB are needed" in failed["message"]
            assert failed["resumable"]
            fill(disk / "rest")
            refused = studio.client.post("/api/jobs/train", json={"name": "more"} | full)
            assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk")
            assert not (disk / "runs" / "more").exists()
            subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
            assert studio.client.post(f"/api/jobs/{id}/resume", json={}).status_code == 200
            wait(studio, id, "done")
