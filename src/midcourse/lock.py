"""A file that one process has for itself, until it closes it or ends, however it ends."""

from __future__ import annotations

import sys
from typing import IO, Any


def lock(file: IO[Any]) -> None:
    """Lock `file`, which is open, for this process. Raises `OSError` where another one has it."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(2**30)  # beyond what is read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
