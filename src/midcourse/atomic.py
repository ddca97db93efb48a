"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from midcourse.errors import DiskError


@contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text file that takes the place of `path` when the block ends, and on disk then.

    If the block raises, `path` is as it was. Missing parent folders are made. Raises `DiskError` where the disk is full
    or the place cannot be written.
    """
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder, and should be a file")
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
        part = ""
    except OSError as error:
        if error.filename is not None and str(error.filename) not in (part, str(path), str(path.parent)):
            raise  # not about this file
        raise DiskError(f"{path} cannot be written: {error.strerror or error}; nothing was changed") from error
    finally:
        if part:
            os.unlink(part)


def _umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
