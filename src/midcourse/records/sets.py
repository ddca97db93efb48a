"""What the `datasets` library loads: a data set of the Hub by name, and folders, also without a network.

    datasets://owner/name?split=train&config=default&revision=main
    a folder that `save_to_disk` wrote, or one of JSON, CSV or Parquet files

Rows are streamed, not downloaded as a whole. `datasets` is imported only here, and only when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from midcourse.errors import InputErrors, Problem, UserError
from midcourse.records.record import Record, as_json

SCHEME = "datasets://"
MANY = 100_000  # files: `datasets` looks at all of a folder before it says that there is nothing in it
_ASKED = ("split", "config", "revision")


def named(address: str) -> Iterator[Record]:
    """The rows of a data set of the Hub. Raises `UserError` for an address that says something else."""
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    name = (parts.netloc + parts.path).strip("/")
    if not name or (unknown := sorted(asked.keys() - set(_ASKED))):
        why = f"it has {', '.join(unknown)}" if name else "it has no name"
        raise UserError(f"{address}: {why}; write {SCHEME}owner/name?split=train, and config or revision if need be")
    return _rows(address, name, asked.get("config"), asked.get("revision"), asked.get("split"))


def folder(path: Path) -> Iterator[Record]:
    """The rows of a folder: one that `datasets` saved, or one of files that it loads."""
    if (path / "dataset_dict.json").is_file():
        splits = sorted(one.parent.name for one in path.glob("*/state.json"))
        raise InputErrors([Problem(str(path), f"has several splits; give one: {', '.join(map(str, splits))}")])
    if (path / "state.json").is_file():
        return _numbered(str(path), _saved(path))
    if next(islice(_files(path), MANY, None), None) is not None:
        raise InputErrors([Problem(str(path), f"has over {MANY:,} files in it; name files, or a folder of data alone")])
    return _rows(str(path), str(path), None, None, None)


def _files(path: Path) -> Iterator[str]:
    return (file for _, _, files in os.walk(path) for file in files)


def _rows(where: str, name: str, config: str | None, revision: str | None, split: str | None) -> Iterator[Record]:
    datasets = _datasets(where)
    found: Any = _loaded(
        where, lambda: datasets.load_dataset(name, config, revision=revision, split=split, streaming=True)
    )
    if isinstance(found, Mapping):
        splits = sorted(map(str, found))
        if len(splits) > 1 and "train" not in splits:
            how = f"{where}?split=…" if where.startswith(SCHEME) else "its files by name"
            raise InputErrors([Problem(where, f"has the splits {', '.join(splits)}; say which: {how}")])
        found = found["train" if "train" in splits else splits[0]]
    return _numbered(where, found)


def _saved(path: Path) -> Iterable[Any]:
    datasets = _datasets(str(path))
    found: Iterable[Any] = _loaded(str(path), lambda: datasets.load_from_disk(str(path)))
    return found


def _numbered(where: str, rows: Iterable[Any]) -> Iterator[Record]:
    number, following = 0, iter(rows)
    while (row := _loaded(where, lambda: next(following, None))) is not None:
        number += 1
        yield Record(number, as_json(row))


def _loaded(where: str, load: Any) -> Any:
    """What `load` gives; all that `datasets` finds wrong in words of ours."""
    try:
        return load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputErrors([Problem(where, f"cannot be loaded by datasets: {said[:400]}")]) from error


def _datasets(where: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise UserError(f"{where} can be read with datasets: pip install 'midcourse[hub]'") from None
    datasets.disable_progress_bars()
    return datasets
