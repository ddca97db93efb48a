"""`midcourse push` against a stub of the hub's HTTP API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midcourse.errors import UserError
from midcourse.release import push as release
from tests.release.hub import TOKEN, Stub, hub

CARD = "---\nbase_model: org/small\n---\n\n# cards\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cards"
    made.mkdir()
    (made / "README.md").write_text(CARD)
    (made / "adapter_config.json").write_text("{}")
    (made / "adapter_model.safetensors").write_bytes(os.urandom(5000))
    (made / ".secret").write_text("not for others")
    return made


def push(stub: Stub, folder: Path, *more: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """A process of its own: the hub's client reads its address and token when it is imported."""
    environment = os.environ | {
        "HF_ENDPOINT": stub.address, "HF_TOKEN": token, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(folder.parent / "hf"),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "midcourse", "push", str(folder), "you/cards", *more],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_a_folder_is_pushed_and_an_upload_that_was_cut_off_goes_on(folder: Path) -> None:
    with hub() as stub:
        stub.breaks = 1
        ran = push(stub, folder)
        assert ran.returncode == 1
        assert ran.stderr.startswith("uploading 3 files, 0.0 MB\nerror: the upload was cut off")
        assert ran.stderr.count("\n") == 2
        ran = push(stub, folder, "--message", "First")
        assert (ran.returncode, ran.stdout) == (0, f"{folder} is at {stub.address}/you/cards\n")
        assert stub.private is True
        assert stub.message == "First"
        assert set(stub.files) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
        assert stub.files["README.md"].decode() == CARD
        weights = folder / "adapter_model.safetensors"
        assert stub.files[weights.name] == weights.read_bytes()
        assert stub.uploads == 1
        (folder / "README.md").write_text(f"{CARD}\nMore.\n")
        assert push(stub, folder, "--public").returncode == 0
        assert stub.uploads == 1  # what is there is not uploaded again
        assert stub.files["README.md"].decode().endswith("More.\n")
        assert stub.private is True  # it exists: who may see it does not change


def test_who_may_not_is_told(folder: Path) -> None:
    with hub() as stub:
        ran = push(stub, folder, token="hf_wrong")
        assert ran.returncode == 2
        assert "does not let you write to you/cards (401)" in ran.stderr
        ran = push(stub, folder, token="")
        assert ran.returncode == 2
        assert "nobody is logged in to the hub" in ran.stderr
        assert not stub.files


def test_only_what_export_model_wrote_is_pushed(folder: Path) -> None:
    with pytest.raises(UserError, match="is no name of a repository"):
        release.push(folder, "not a name")
    (folder / "README.md").unlink()
    with pytest.raises(UserError, match="is nothing that `midcourse export-model` wrote"):
        release.push(folder, "you/cards")
