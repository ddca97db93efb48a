"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from midcourse.atomic import append, making, new_folder, ordinary, possible, replacing, writing
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


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_into_and_stays(tmp_path: Path, linked: bool) -> None:
    pipe, path = tmp_path / "pipe", tmp_path / "out" if linked else tmp_path / "pipe"
    os.mkfifo(pipe)
    if linked:
        path.symlink_to(pipe)
    before, got = sorted(tmp_path.iterdir()), list[str]()
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with writing(path) as file:
        file.write("a line\n")
    reader.join(20)
    assert got == ["a line\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(tmp_path.iterdir()) == before
    assert path.is_symlink() == linked
    with pytest.raises(UserError, match="is no ordinary file"):
        ordinary(path)
    for folder in (making(path), new_folder(path), new_folder(path, replace=True)):
        with pytest.raises(UserError, match="is there already"), folder:
            pass
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_whose_reader_has_gone_is_one_clear_error(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def leaves() -> None:
        with replacing(pipe) as part:
            part.write_bytes(bytes(10_000_000))
            goes.start()

    goes = threading.Timer(0.5, os.close, [reader])
    with pytest.raises(DiskError, match=r"pipe cannot be written: Broken pipe"):
        leaves()
    goes.join()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_what_this_process_prints_to_is_added_to(tmp_path: Path) -> None:
    """As with `command --out /dev/stdout >> log`: what stands in the log stays, in order."""
    log = tmp_path / "log"
    log.write_text("before\n")
    code = """
import sys
from pathlib import Path
from midcourse.atomic import writing
print("begins", flush=True)
with writing(Path(sys.argv[1])) as file:
    file.write("a line\\n")
print("ends")
"""
    with log.open("a") as file:
        subprocess.run([sys.executable, "-c", code, log], stdout=file, check=True)
    assert log.read_text() == "before\nbegins\na line\nends\n"


def test_a_link_stays_and_the_file_keeps_who_may_read_it(tmp_path: Path) -> None:
    real, link, new = tmp_path / "there" / "real", tmp_path / "link", tmp_path / "new"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    new.symlink_to(tmp_path / "there" / "none-yet")
    for path in (link, new):
        with writing(path) as file:
            file.write("new")
        assert path.is_symlink()
        assert path.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(path.name for path in real.parent.iterdir()) == ["none-yet", "real"]


def test_a_folder_that_is_a_link_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, link = tmp_path / "there", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    for number, folder in enumerate((making(link), new_folder(link, replace=True))):
        with folder as part:
            (part / f"{number}.txt").touch()
        assert link.is_symlink()
        assert [path.name for path in real.iterdir()] == [f"{number}.txt"]
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for folder in (making(Path()), new_folder(Path(), replace=True)):
        with pytest.raises(UserError, match="name a new folder in it"), folder:
            pass
    assert Path.cwd() == empty
    assert list(empty.iterdir()) == []


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
