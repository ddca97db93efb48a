"""The objects in a file, one after another: JSON lines, plain or gzipped, or the rows of a Parquet file.

Nothing is held but the object that is looked at (of Parquet, a few hundred rows).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from midcourse.errors import InputErrors, Problem, UserError
from midcourse.json_lines import BOM, Broken, parse

ROWS = 256  # of Parquet at a time


class Record(NamedTuple):
    """An object, or what is wrong instead. `line` is 1-based; in a Parquet file it is the row."""

    line: int
    value: dict[str, Any] | None
    problem: Problem | None = None


def records(path: Path) -> Iterator[Record]:
    """What is in `path`. Raises `InputErrors` where it cannot be read, `UserError` where pyarrow is needed."""
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
        elif path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                yield from _lines(path, file)
        else:
            with path.open("rb") as file:
                yield from _lines(path, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputErrors([Problem(str(path), f"is damaged: {error}")]) from error
    except OSError as error:
        raise InputErrors([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from error


def _lines(path: Path, file: IO[bytes] | gzip.GzipFile) -> Iterator[Record]:
    for number, line in enumerate(file, start=1):
        raw = line.removeprefix(BOM) if number == 1 else line
        if not raw.strip():
            continue
        parsed = parse(raw)
        if isinstance(parsed, Broken):
            yield Record(number, None, Problem(str(path), parsed.message, number, parsed.field))
        elif not isinstance(parsed.value, dict):
            yield Record(number, None, Problem(str(path), "should be one JSON object a line", number))
        else:
            yield Record(number, parsed.value)


def _parquet(path: Path) -> Iterator[Record]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{path} can be read with pyarrow: pip install 'midcourse[parquet]'") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(number, _json(row))
    except pyarrow.ArrowException as error:
        raise InputErrors([Problem(str(path), f"is no Parquet file that can be read: {error}")]) from error


def _json(value: Any) -> Any:
    """`value` as JSON lines would have it: what pandas calls NaN is missing, times and the like are texts."""
    if isinstance(value, dict):
        return {key: _json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)
