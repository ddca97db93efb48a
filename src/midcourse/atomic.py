"""Files that are there whole or not at all, and what to say where they cannot be."""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from midcourse.errors import DiskError, UserError
from midcourse.lock import lock

HELD = ".held"  # locked by whoever makes a folder
STDOUT = "-"  # in the place of a file's name: what this process prints to
OLD = "old"  # what was at the place before


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place for a file that takes the place of `path` when the block ends, and is on disk then.

    If the block raises, `path` is as it was. Missing parent folders are made; where `path` is a link, it stays one, and
    the file that it leads to is replaced. Nothing takes the place of a pipe, of a device, or of what this process
    prints to (`-`, too): the file is written into those when the block ends. Raises `DiskError` where the disk is
    full or the place cannot be written.
    """
    part, target = "", Path(os.path.realpath(path))
    try:
        stream = _is_stream(path)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, and should be a file")
        if not stream:
            target.parent.mkdir(parents=True, exist_ok=True)
        handle, part = _new_file(path, None if stream else target.parent)
        os.close(handle)
        yield Path(part)
        if stream:
            with open(part, "rb") as file, _stream(path) as into:
                shutil.copyfileobj(file, into)
        else:
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            os.chmod(part, stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask())
            os.replace(part, target)
            part = ""
    except OSError as error:
        ours = (part, str(path), str(path.parent), str(target), str(target.parent))
        if error.filename is not None and str(error.filename) not in ours:
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
    part, target = None, _replaceable(path)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DiskError(f"{path} is there already; nothing of it was changed: give the name of a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        with saving(path):
            yield part
            part.chmod(0o777 & ~_umask())
            os.replace(part, target)
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


def printed(path: Path) -> bool:
    """Whether what is written to `path` goes to standard output."""
    return _is_stream(path) and _descriptor(path) == 1


def ordinary(path: Path) -> None:
    """Raises `UserError` where `path` is a pipe or a device: a run that can go on keeps a file beside it."""
    if _is_stream(path):
        raise UserError(f"{path} is no ordinary file, and what was done is kept beside one: name a file to write")


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
    target = _replaceable(path)
    with saving(path):
        _sweep(target)
    if target.exists() and (not target.is_dir() or (not replace and any(target.iterdir()))):
        raise UserError(f"{path} is there already; give another place, or --overwrite")
    with saving(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.part-"))
    try:
        with (part / HELD).open("wb") as held:
            lock(held)
            made = part / target.name
            made.mkdir()
            with saving(path):
                yield made
                for file in made.rglob("*"):
                    if file.is_file():
                        file.chmod(0o666 & ~_umask())
                        with file.open("rb") as stream:
                            os.fsync(stream.fileno())
                if target.exists():
                    target.replace(part / OLD)
                made.replace(target)
    finally:
        _put_back(part, target)
        shutil.rmtree(part, ignore_errors=True)


def _replaceable(path: Path) -> Path:
    """The folder that `path` leads to, which another may take the place of. Raises `UserError` where none can."""
    target = Path(os.path.realpath(path))
    if str(path) == STDOUT:
        raise UserError("a folder is written, which cannot be printed: name one")
    if target == Path.cwd() or os.path.ismount(target):
        raise UserError(f"{path} is where you are, or a disk of its own: name a new folder in it")
    return target


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


def _new_file(path: Path, folder: Path | None) -> tuple[int, str]:
    """A new file in `folder`, None for where temporary files go; what is wrong there is said of `path`."""
    try:
        return tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    except OSError as error:
        error.filename = str(path)
        raise


def _is_stream(path: Path) -> bool:
    """Whether what is at `path` can only be written into: neither a file that may be replaced nor a folder."""
    if str(path) == STDOUT:
        return True
    try:
        there = path.stat()
    except OSError:  # nothing is there, or nothing that can be written to: that is found when it is
        return False
    return not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)) or _descriptor(path) is not None


def _descriptor(path: Path) -> int | None:
    """The descriptor by which this process prints to what is at `path`, if it does."""
    if str(path) == STDOUT:
        return 1
    there = path.stat()
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(there, os.fstat(descriptor)):
                return descriptor
    return None


def _stream(path: Path) -> IO[bytes]:
    """`path` to write into: where this process prints to it, behind what was printed."""
    descriptor = _descriptor(path)
    return open(path, "wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb")


def _umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
