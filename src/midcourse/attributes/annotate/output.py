"""Rows with what was predicted, as they were given otherwise: JSON lines, or Parquet.

To the row, for its last answer, and to the message of each earlier one:

    "predicted": {"helpfulness": 2.71, "verbosity": 1.04}    in each attribute's own units
    "predicted_deviation": {"helpfulness": 0.98, …}          of the noise on it, where the predictor knows it
    "predicted_by": "helpsteer-3fa2c1"                       the predictor's name
    "human_rated": ["helpfulness"]                           which of the values beside it people gave

What people said stays where it was. What another predictor had written there before is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from midcourse.atomic import ordinary, replacing, saving, writing
from midcourse.attributes.data import Entry
from midcourse.attributes.predictors.predictor import Prediction
from midcourse.attributes.rows import HUMAN, Turn
from midcourse.errors import UserError

KEYS = ("predicted", "predicted_deviation", "predicted_by", "human_rated")
ROWS = 1024  # of Parquet at a time
PARQUET = ".parquet"

Rows = Callable[[], Iterable[dict[str, Any]]]


def annotated(entry: Entry, found: Mapping[int, Prediction], by: str) -> dict[str, Any]:
    """The row's object with `found`: a prediction for each turn (0-based) that is an answer."""
    raw = {key: value for key, value in entry.raw.items() if key not in KEYS}
    turns = entry.row.turns
    holder = next((key for key in ("messages", "conversations") if isinstance(raw.get(key), list)), None)
    if holder is not None:
        raw[holder] = [_without(message) for message in raw[holder]]
    for number, prediction in found.items():
        more = _said(turns[number], prediction, by)
        if number == len(turns) - 1:
            raw |= more
        elif holder is not None:
            raw[holder][number - len(turns) + len(raw[holder])] |= more  # a system message may stand elsewhere
    return raw


def _said(turn: Turn, prediction: Prediction, by: str) -> dict[str, Any]:
    values = {name: _short(value) for name, value in prediction.values.items()}
    deviation = {name: _short(value) for name, value in prediction.deviation.items() if name in values}
    rated = [name for name, rating in turn.ratings.items() if rating.by == HUMAN]
    said = {"predicted": values, "predicted_deviation": deviation, "predicted_by": by, "human_rated": rated}
    return said if deviation else {key: value for key, value in said.items() if key != "predicted_deviation"}


def _without(message: Any) -> Any:
    return {key: value for key, value in message.items() if key not in KEYS} if isinstance(message, dict) else message


def _short(value: float) -> float:
    """Six digits say more than any predictor knows."""
    return float(f"{value:.6g}")


# ---- files -------------------------------------------------------------------------------------------------------


def check(path: Path) -> None:
    """Raises `UserError` where `path` is no name of a file that can be written."""
    ordinary(path)
    if path.suffix in (".gz", ".zst", ".zip"):
        raise UserError(f"{path}: JSON lines or Parquet ({PARQUET}) can be written, and not {path.suffix}")
    if path.suffix == PARQUET:
        _pyarrow(path)


def write(path: Path, rows: Rows) -> None:
    """Write what `rows()` gives to `path`, whole or not at all, a few rows at a time.

    `rows` is called twice for Parquet, which says first of what kind its columns are. Raises `DiskError`, `UserError`.
    """
    if path.suffix == PARQUET:
        _parquet(path, rows)
        return
    with writing(path) as file:
        for row in rows():
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def _parquet(path: Path, rows: Rows) -> None:
    pyarrow = _pyarrow(path)
    try:
        schemas = (table.schema for table in _tables(pyarrow, rows()))
        whole = next(schemas)
        for schema in schemas:
            whole = pyarrow.unify_schemas([whole, schema], promote_options="permissive")
    except pyarrow.ArrowException as error:
        raise UserError(
            f"{path}: Parquet wants one kind of value in a column, and the rows have several ({error}); "
            "name a .jsonl file instead"
        ) from None
    with replacing(path) as part, saving(path), pyarrow.parquet.ParquetWriter(part, whole) as file:
        for table in _tables(pyarrow, rows(), whole):
            file.write_table(table)


def _tables(pyarrow: Any, rows: Iterable[dict[str, Any]], schema: Any = None) -> Iterator[Any]:
    stream = iter(rows)
    while some := list(islice(stream, ROWS)):
        yield pyarrow.Table.from_pylist([_filled(row) for row in some], schema)


def _filled(value: Any) -> Any:
    """`value` without objects that hold nothing, which Parquet cannot say; nothing is said instead."""
    if isinstance(value, dict):
        return {key: _filled(inner) for key, inner in value.items()} or None
    return [_filled(inner) for inner in value] if isinstance(value, list) else value


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{path} can be written with pyarrow: pip install 'midcourse[parquet]'") from None
    return pyarrow
