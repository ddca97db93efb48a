"""From what a person names (a file, a folder, `-`, `datasets://…`) to its objects."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from midcourse.errors import InputErrors, Problem
from midcourse.records import packed, parquet, sets
from midcourse.records.record import Record
from midcourse.records.text import objects

STDIN = "-"


def records(source: Path | str) -> Iterator[Record]:
    """What is in `source`. Raises `InputErrors` where it cannot be read, `UserError` where a library is needed."""
    name = called(source)
    if name.startswith(sets.SCHEME):
        yield from sets.named(name)
        return
    try:
        if str(source) == STDIN:
            yield from _stream(name, sys.stdin.buffer)
        elif os.path.isdir(source):
            yield from sets.folder(Path(source))
        else:
            with open(source, "rb") as file:
                if parquet.looks(file):
                    yield from parquet.rows(name)
                else:
                    yield from _stream(name, file)
    except OSError as error:
        raise InputErrors([Problem(name, f"cannot be read: {error.strerror or error}")]) from error


def called(source: Path | str) -> str:
    """How messages call it."""
    return "standard input" if str(source) == STDIN else str(source)


def _stream(name: str, file: BinaryIO) -> Iterator[Record]:
    try:
        yield from objects(name, packed.opened(name, cast("io.BufferedReader", file)))
    except packed.DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a disk, not what is on it
        raise InputErrors([Problem(name, f"is damaged: {error}")]) from error
