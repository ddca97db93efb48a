"""Files that are there whole or not at all, and what to say where they cannot be."""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from midcourse.errors import DiskError, UserError
from midcourse.lock import lock

HELD = ".held"  # locked by whoever makes a folder
OLD = "old"  # what was at the place before


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside `path` for a file that takes the place of `path` when the block ends, and is on disk then.

    If the block raises, `path` is as it was. Missing parent folders are made. Raises `DiskError` where the disk is full
    or the place cannot be written.
    """
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder, and should be a file")
        handle, part = _beside(path)
        os.close(handle)
        yield Path(part)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
        part = ""
    except OSError as error:
        if error.filename is not None and str(error.filename) not in (part, str(path), str(path.parent)):
            raise  # not about this file
        raise DiskError(f"{path} cannot be written: {_why(error)}; nothing was changed") from error
    finally:
        if part:
            os.unlink(part)


@contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text file that takes the place of `path` when the block ends; see `replacing`."""
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        yield file


@contextmanager
def making(path: Path) -> Iterator[Path]:
    """A new folder that is at `path` when the block ends, whole or, after an error, not at all.

    Raises `DiskError` where something is there already that is no empty folder, and where nothing can be written.
    """
    part = None
    try:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise DiskError(f"{path} is there already; nothing of it was changed: give the name of a new folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        with saving(path):
            yield part
            part.chmod(0o777 & ~_umask())
            os.replace(part, path)
        part = None
    except OSError as error:
        raise DiskError(f"{path} cannot be written: {_why(error)}; nothing was changed") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def folder(path: Path) -> None:
    """Make a folder that results will be written to, before hours are spent on them. Raises `DiskError`."""
    with saving(path):
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass


def possible(path: Path) -> None:
    """Raises `DiskError` where a folder `path` cannot be, or not be written to, as far as a look tells."""
    there = path
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise DiskError(f"{path} cannot be written: {there} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DiskError(f"{path} cannot be written: nothing may be written to {there}")


def elsewhere(path: Path, *read: Path | str | None) -> None:
    """Raises `UserError` where a file that is to be written is one of those that are read, whatever it is called."""
    for source in [Path(one) for one in read if one]:
        same = path.exists() and source.exists() and path.samefile(source)
        if same or path.resolve() == source.resolve():
            raise UserError(f"{path} is what is read ({source}): write to another file")


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder beside `path` that takes its place when the block ends, and is on disk then.

    If the block raises, or the process is killed, `path` is as it was; what a killed one has left goes when the next
    one begins, and what it was about to replace is put back then. Raises `UserError` where `path` is there already and
    is not to be replaced, `DiskError` where nothing can be written.
    """
    with saving(path):
        _sweep(path)
    if path.exists() and not replace and (path.is_file() or any(path.iterdir())):
        raise UserError(f"{path} is there already; give another place, or --overwrite")
    with saving(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.part-"))
    try:
        with (part / HELD).open("wb") as held:
            lock(held)
            made = part / path.name
            made.mkdir()
            with saving(path):
                yield made
                for file in made.rglob("*"):
                    if file.is_file():
                        file.chmod(0o666 & ~_umask())
                        with file.open("rb") as stream:
                            os.fsync(stream.fileno())
                if path.exists():
                    path.replace(part / OLD)
                made.replace(path)
    finally:
        _put_back(part, path)
        shutil.rmtree(part, ignore_errors=True)


def _put_back(part: Path, path: Path) -> None:
    """Give `path` what was there, if nothing has taken its place."""
    if (part / OLD).exists() and not path.exists():
        (part / OLD).replace(path)


def _sweep(path: Path) -> None:
    """Remove what killed processes have left of making `path`; those that still make it hold a lock."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.part-*"):
        with suppress(OSError):
            with (part / HELD).open("ab") as held:
                lock(held)
            _put_back(part, path)
            shutil.rmtree(part, ignore_errors=True)


def append(file: IO[bytes], data: bytes, path: Path, *, sync: bool = False) -> None:
    """Add `data` to `path`, open as the unbuffered `file`; with `sync` it is on disk then.

    Raises `DiskError` where it does not fit. What was there before stays, and what is cut behind it is no whole line.
    """
    try:
        if file.write(data) < len(data):  # the room ends within it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if sync:
            os.fsync(file.fileno())
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written: {_why(error)}; what it has stays: make room, and the same command goes on"
        ) from error


@contextmanager
def saving(place: Path) -> Iterator[None]:
    """For libraries that write to `place`: raises `DiskError` for whatever they say of a disk, a quota or rights."""
    try:
        yield
    except Exception as error:
        why = _why(error)
        if why is None:
            raise
        raise DiskError(f"{place} cannot be written: {why}") from error


def _why(error: Exception) -> str | None:
    """The reason in plain words if `error` is about the disk: Python's, Rust's (safetensors, tokenizers) or torch's."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if found := re.search(r"([^:]+) \(os error \d+\)", str(error)):
        return found[1].strip()
    return "the disk is full, or takes no more of it" if "inline_container" in str(error) else None


def _beside(path: Path) -> tuple[int, str]:
    """A new file in the folder of `path`; what is wrong there is said of `path`."""
    try:
        return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        error.filename = str(path)
        raise


def _umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
