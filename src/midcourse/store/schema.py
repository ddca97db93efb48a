"""Which version a database is of, and bringing it to ours.

Representation: one row in `midcourse_version` holds the revision, as Alembic keeps it, under a name of our own, so that
a store can share a PostgreSQL database with others. `VERSIONS` lists all revisions, oldest first.
Invariant: a migration happens whole or not at all, once, also when several processes open an empty store together.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from midcourse.errors import BadStoreError, UserError
from midcourse.store.tables import metadata

VERSION_TABLE = "midcourse_version"
VERSIONS = ("0001", "0002", "0003")
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6D696463  # any number that only we take: "midc"


def version(connection: Connection, name: str) -> str | None:
    """The revision of the database, None if it is empty. Raises `BadStoreError` for a newer or a strange one."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        strangers = tables if connection.dialect.name == "sqlite" else tables & set(metadata.tables)
        if strangers:
            raise BadStoreError(
                f"{name}: this is another program's database (it has the table {min(strangers)!r}); "
                "give the store a file or database of its own"
            )
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()
    if not found:
        return None
    if len(found) > 1 or found[0] not in VERSIONS:
        raise BadStoreError(
            f"{name}: the store is of version {', '.join(map(str, found))}, newer than {VERSIONS[-1]}, the latest that "
            "this Midcourse knows; nothing was changed: update Midcourse"
        )
    return str(found[0])


def migrate(connection: Connection, name: str) -> None:
    """Bring the database to the last version, inside the writing transaction that `connection` is in."""
    if connection.dialect.name == "postgresql":  # SQLite's writing transactions exclude each other anyway
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if version(connection, name) == VERSIONS[-1]:
        return  # somebody else was faster
    from alembic import command  # only here: it takes longer to import than to open a store
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def check(connection: Connection, name: str) -> None:
    """Raise `UserError` unless the database is of the last version."""
    found = version(connection, name)
    if found != VERSIONS[-1]:
        what = "there is no store in it" if found is None else f"the store is of version {found}, not {VERSIONS[-1]}"
        raise UserError(f"{name}: {what}; open it for writing once to bring it up to date")
