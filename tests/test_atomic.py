"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import resource
import signal
from pathlib import Path
from typing import Any, cast

import pytest

from midcourse.atomic import append, new_folder, possible, writing
from midcourse.errors import DiskError, UserError


def test_it_takes_the_place_of_the_old_file_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with writing(path) as file:
        file.write("é\n")
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    with writing(path) as file:
        file.write("two")
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o400


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fails() -> None:
        with writing(path) as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(DiskError, match=r"file\.txt cannot be written"), writing(path) as file:
            file.write("x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="folder"), writing(tmp_path):
        pass


def test_a_folder_that_cannot_be_is_known_without_making_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    possible(tmp_path)
    possible(tmp_path / "new" / "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DiskError, match=f"{place} cannot be written: {tmp_path / 'file'} is a file"):
            possible(place)


def test_a_folder_is_put_back_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old.txt").write_text("old")
    move = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target == path and self.name == path.name:
            raise OSError(28, "No space left on device", str(target))
        return move(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(DiskError), new_folder(path, replace=True) as made:
            (made / "new.txt").write_text("new")
    assert [file.name for file in tmp_path.rglob("*.txt")] == ["old.txt"]


def test_a_folder_comes_back_after_a_kill_between_two_renames(tmp_path: Path) -> None:
    path, left = tmp_path / "model", tmp_path / ".model.part-killed"
    for folder in (left / "old", left / "model"):
        folder.mkdir(parents=True)
        (folder / "file.txt").write_text(folder.name)
    with pytest.raises(UserError, match="is there already"), new_folder(path):
        pass
    assert [(file, file.read_text()) for file in tmp_path.rglob("*.txt")] == [(path / "file.txt", "old")]


class Full:
    """A file on a disk that takes `room` bytes more."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, b""

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, self.room = data[: self.room], max(0, self.room - len(data))
        self.taken += taken
        return len(taken)


@pytest.mark.parametrize("room", [0, 3])
def test_what_is_added_is_whole_or_said_not_to_be(room: int) -> None:
    """The kernel takes the first part of a write that it has room for, and says no error."""
    with pytest.raises(DiskError, match=r"journal cannot be written: No space left on device; what it has stays"):
        append(cast("Any", Full(room)), b"a line\n", Path("journal"))
    whole = Full(7)
    append(cast("Any", whole), b"a line\n", Path("journal"))
    assert whole.taken == b"a line\n"
