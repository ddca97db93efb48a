"""Compressed streams, told by their first bytes: gzip, bzip2, xz, and zstd where pyarrow or Python can."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from typing import cast

from midcourse.errors import UserError

DAMAGED = (EOFError, zlib.error, lzma.LZMAError, OSError)  # an OSError with a number is the disk's


def opened(name: str, file: io.BufferedReader) -> io.BufferedReader:
    """`file`, unpacked if it is packed. Raises `UserError` where a library is needed."""
    start = file.peek(6)[:6]
    if start.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.open(file))
    if start.startswith(b"BZh"):
        return io.BufferedReader(bz2.open(file))
    if start.startswith(b"\xfd7zXZ\x00"):
        return io.BufferedReader(lzma.open(file))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(name, file)
    return file


def _zstd(name: str, file: io.BufferedReader) -> io.BufferedReader:
    try:
        import pyarrow
    except ImportError:
        raise UserError(f"{name} is packed with zstd, which pyarrow reads: pip install 'midcourse[parquet]'") from None
    return io.BufferedReader(cast("io.RawIOBase", _Frames(pyarrow.CompressedInputStream(file, "zstd"))))


class _Frames(io.RawIOBase):
    """A stream of pyarrow as Python has them; what breaks off in the middle is an error."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """The next bytes."""
        part = self._stream.read(len(buffer)) or b""
        buffer[: len(part)] = part
        return len(part)
