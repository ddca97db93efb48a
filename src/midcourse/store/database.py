"""A database that is reached by its URL: connections, transactions, and what its errors mean to a person.

Representation: a SQLAlchemy engine. On SQLite every connection has foreign keys on, writes ahead (WAL) and syncs at
each commit; a writing transaction takes the write lock when it begins, so that waiting for it works.
Invariant: when `writing()` ends without an error, what was written is on disk; when it ends with one, nothing is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from midcourse.errors import BadStoreError, DiskError, MidcourseError, StoreError, UserError


class Database:
    """An open database. `name` is how messages call it: the file of SQLite, the URL without its password otherwise."""

    def __init__(self, url: str, *, create: bool, timeout: float) -> None:
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.name = self.url.render_as_string(hide_password=True)
        self.timeout = timeout
        options: dict[str, Any] = {"pool_pre_ping": True}
        if self.is_sqlite:
            self.name = self.url.database or ""
            _check_file(self.name, create)
            options = {"connect_args": {"timeout": timeout}}
        try:
            self.engine = create_engine(self.url, **options)
        except (NoSuchModuleError, ModuleNotFoundError, ArgumentError) as error:
            raise UserError(
                f"{self.name}: no driver for such a database ({error}); "
                'PostgreSQL needs `pip install "midcourse[postgres]"`'
            ) from error
        pool = type(self.engine.pool)
        logging.getLogger(f"{pool.__module__}.{pool.__name__}").addFilter(_no_interrupt)
        event.listen(self.engine, "connect", self._connected)
        if self.is_sqlite:
            event.listen(self.engine, "begin", _begin)
        # A trace is read by several queries, which must see one state.
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**snapshot)
        self._writer = self.engine.execution_options(midcourse_writes=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with self.explained(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is durable when it ends, and undone by any exception."""
        with self.explained(), self._writer.begin() as connection:
            yield connection

    def write_ahead(self) -> None:
        """Switch SQLite to its write-ahead log, in which readers and the writer don't wait for each other."""
        if not self.is_sqlite:
            return
        with self.explained():
            raw = self.engine.raw_connection()
            try:
                cursor = raw.cursor()
                if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    cursor.execute("PRAGMA journal_mode=WAL")
            finally:
                raw.close()

    def checkpoint(self) -> None:
        """Move what SQLite's log holds into the file, so that the log of an undone transaction can go with it."""
        if self.is_sqlite:
            with self.explained(), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the database's errors into ours."""
        try:
            yield
        except MidcourseError:
            raise
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _explain(error, self.name) from error

    def _connected(self, raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        if self.is_sqlite:
            raw.isolation_level = None  # transactions begin where we say, in `_begin`
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA synchronous=FULL")  # NORMAL would lose the last commits with the power
            cursor.execute("PRAGMA trusted_schema=OFF")
        elif self.url.get_backend_name() == "postgresql":
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", (str(int(self.timeout * 1000)),))
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
            raw.commit()
        cursor.close()


def file(url: str) -> Path | None:
    """The file in which an SQLite store is; None for a store behind a server. Raises `UserError`."""
    parsed = _parse(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("midcourse_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _parse(url: str) -> URL:
    """The URL, where a path alone means an SQLite file and PostgreSQL is spoken through psycopg."""
    if "://" not in url:
        return URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UserError(f"{url!r} is not the URL of a database: {error}") from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _check_file(name: str, create: bool) -> None:
    if name in ("", ":memory:"):
        raise UserError("a store in memory would be lost; name a file: sqlite:///traces.db")
    if name.startswith("file:"):
        return  # SQLite's own notation, with its own options
    path = Path(name)
    if path.is_dir():
        raise UserError(f"{name}: this is a folder; name a file in it")
    if not create and not path.exists():
        raise UserError(f"{name}: there is no such store")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"{name}: its folder cannot be made: {error.strerror}") from error


_SQLITE = {  # by the beginning of SQLite's own names for its errors
    "SQLITE_FULL": (DiskError, "the disk is full; nothing of this was stored: make room and do it again"),
    "SQLITE_READONLY": (DiskError, "the file or its folder is read-only; nothing was stored: allow writing to both"),
    "SQLITE_CANTOPEN": (
        DiskError,
        "the file cannot be opened: check that its folder exists and allows reading and writing",
    ),
    "SQLITE_PERM": (DiskError, "no permission to open the file"),
    "SQLITE_BUSY": (StoreError, "another process is writing to it; nothing was stored: try again when that is done"),
    "SQLITE_LOCKED": (StoreError, "another process is writing to it; nothing was stored: try again when that is done"),
    "SQLITE_NOTADB": (BadStoreError, "this is not an SQLite database; name another file"),
    "SQLITE_CORRUPT": (
        BadStoreError,
        "the database is damaged: restore a copy of it, or save what can be read with `sqlite3 FILE .recover`",
    ),
    "SQLITE_IOERR": (
        DiskError,
        "the disk does not take or give the data; nothing was stored: look at its space, quota and health",
    ),
}
_SQLSTATES = {  # by the beginning of PostgreSQL's codes
    "53100": (DiskError, "the server's disk is full; nothing of this was stored: make room and do it again"),
    "25006": (DiskError, "the server is read-only; nothing was stored"),
    "42501": (UserError, "the user may not do this; ask for rights to create and write tables"),
    "55P03": (StoreError, "another process is writing the same; nothing was stored: try again when that is done"),
    "40": (StoreError, "another process wrote the same; nothing was stored: try again"),
    "23505": (StoreError, "another process stored the same trace at the same time; nothing was stored: try again"),
    "08": (StoreError, "the server cannot be reached"),
    "57": (StoreError, "the server is going down or coming up; nothing was stored: try again"),
}


def _explain(error: Exception, name: str) -> MidcourseError:
    """What to tell the user about a database's error."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    detail = " ".join(str(original).split())
    code, table = getattr(original, "sqlite_errorname", None), _SQLITE
    if code is None:
        code, table = getattr(original, "sqlstate", None) or "", _SQLSTATES
    for prefix, (kind, advice) in table.items():
        if code.startswith(prefix):
            return kind(f"{name}: {advice} ({detail})")
    if (isinstance(error, DBAPIError) and error.connection_invalidated) or "connection" in detail.lower():
        return StoreError(f"{name}: the server cannot be reached ({detail})")
    return StoreError(f"{name}: the database refused: {detail}")


def _no_interrupt(record: logging.LogRecord) -> bool:
    """Ctrl-C while a connection is given back is no fault to be reported: SQLAlchemy passes it on, too."""
    return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))
