"""The migrations make exactly the tables, once, and a database that is not ours is left alone."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from midcourse.errors import StoreError, UserError
from midcourse.store import Store, schema
from midcourse.store.tables import metadata
from tests.store.samples import make


def tables_of(path: Path) -> dict[str, str]:
    """What SQLite itself says that each table and index is."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: " ".join(sql.split())
            for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            if name not in (schema.VERSION_TABLE, "sqlite_sequence")
        }


def test_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path / 'migrated.db'}").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(engine)
    assert tables_of(tmp_path / "migrated.db") == tables_of(tmp_path / "made.db")
    assert len(tables_of(tmp_path / "made.db")) == 12 + 5  # the tables and the indexes
    engine.dispose()


@pytest.mark.server
def test_migrations_make_exactly_the_tables_on_postgresql(postgres_url: str) -> None:
    with Store.open(postgres_url) as store, store._database.reading() as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True, "compare_server_default": False}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_known_versions_are_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(revisions)) == schema.VERSIONS


def test_a_newer_store_is_refused_and_not_touched(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store:
        store.add([make("a")])
    with closing(sqlite3.connect(tmp_path / "traces.db")) as connection, connection:
        connection.execute("UPDATE midcourse_version SET version_num = '0999'")
    before = (tmp_path / "traces.db").read_bytes()
    with pytest.raises(
        StoreError, match=r"traces\.db: the store is of version 0999, newer than 0003.*update Midcourse"
    ):
        Store.open(url)
    assert (tmp_path / "traces.db").read_bytes() == before


def test_another_programs_database_is_refused_and_not_touched(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "traces.db")) as connection:
        connection.execute("CREATE TABLE bookmarks (id)")
    before = (tmp_path / "traces.db").read_bytes()
    with pytest.raises(StoreError, match=r"another program's database .it has the table 'bookmarks'"):
        Store.open(url)
    assert (tmp_path / "traces.db").read_bytes() == before


def test_without_migrating_an_empty_database_is_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "traces.db").touch()
    for options in ({"migrate": False}, {"create": False}):
        with pytest.raises(UserError, match=r"traces\.db: there is no store in it"):
            Store.open(url, **options)
    assert (tmp_path / "traces.db").stat().st_size == 0


def test_a_migration_that_fails_leaves_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    (broken / "env.py").write_text((schema.MIGRATIONS / "env.py").read_text())
    text = (schema.MIGRATIONS / "versions" / "0001_first_tables.py").read_text()
    (broken / "versions" / "0001.py").write_text(text + '\n    op.execute("CREATE TABLE traces (id)")\n')
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(StoreError, match="table traces already exists"):
        Store.open(url)
    assert tables_of(tmp_path / "traces.db") == {}


def test_several_that_open_an_empty_store_together_make_it_once(url: str) -> None:
    together, failed = threading.Barrier(6), []

    def work(number: int) -> None:
        together.wait()
        try:
            with Store.open(url) as store:
                store.save(make(f"trace {number}"))
        except BaseException as error:  # noqa: BLE001 a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with Store.open(url) as store:
        assert store.count().traces == 6
