"""Folders for what a process makes once and all its tests share; they go when it ends."""

from __future__ import annotations

import atexit
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp


def folder() -> Path:
    """A new folder with a short path."""
    made = Path(mkdtemp(prefix="midcourse-"))
    atexit.register(_remove, made, os.getpid())
    return made


def _remove(made: Path, owner: int) -> None:
    if os.getpid() == owner:  # a fork that ends is not the end of what it came from
        shutil.rmtree(made, ignore_errors=True)
