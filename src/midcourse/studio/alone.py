"""One studio at a time on an SQLite store: two would each hold traces of which the other has newer ones.

A file beside the store is locked by the process and says where its page is; the lock goes with the process, however it
ends. Commands may use the store meanwhile. PostgreSQL is meant for several, and is not locked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from midcourse.errors import DiskError, UserError
from midcourse.lock import lock


@contextmanager
def alone(store: str) -> Iterator[Callable[[str], None]]:
    """Have the store as the only studio; yields what tells others where this one is. Raises `UserError`."""
    path = _beside(store)
    if path is None:
        yield lambda _: None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"{store}: nothing can be written beside it: {error.strerror}") from error
    with file:
        try:
            lock(file)
        except OSError:
            file.seek(0)
            where = file.read(500).strip()
            raise UserError(
                f"{store}: another studio has this store" + (f" ({where})" if where else "") + "; "
                "use that one, end it, or give another --store"
            ) from None

        def tell(url: str) -> None:
            file.truncate(0)
            file.write(f"{url}, process {os.getpid()}\n")
            file.flush()

        yield tell
        file.truncate(0)


def _beside(store: str) -> Path | None:
    """The file to lock, or None where there is nothing to lock."""
    database: str | None = store
    if "://" in store:
        try:
            url = make_url(store)
        except (ArgumentError, ValueError):
            return None  # opening the store says what is wrong
        database = url.database if url.get_backend_name() == "sqlite" else None
    if not database or database == ":memory:" or database.startswith("file:") or Path(database).is_dir():
        return None
    path = Path(database).resolve()
    return path.with_name(f".{path.name}.studio")
