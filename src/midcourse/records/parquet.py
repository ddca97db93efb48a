"""The rows of a Parquet file, a few hundred in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator

from midcourse.errors import InputErrors, Problem, UserError
from midcourse.records.record import Record, as_json

ROWS = 256  # at a time


def looks(file: io.BufferedReader) -> bool:
    """Whether this is one, by its first bytes."""
    return file.peek(4)[:4] == b"PAR1" or str(file.name).endswith(".parquet")


def rows(name: str) -> Iterator[Record]:
    """The rows of the file `name`. Raises `UserError` without pyarrow, `InputErrors` for what is no Parquet file."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{name} can be read with pyarrow: pip install 'midcourse[parquet]'") from None
    try:
        with pyarrow.parquet.ParquetFile(name) as file:
            number = 0
            for batch in file.iter_batches(batch_size=ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(number, as_json(row))
    except pyarrow.ArrowException as error:
        raise InputErrors([Problem(name, f"is no Parquet file that can be read: {error}")]) from error
