"""Real faults: a full disk, a read-only file, a lock, a file that is something else. One message, nothing half-done."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import event

from midcourse.errors import DiskError, StoreError, UserError
from midcourse.store import Added, Store
from midcourse.store.database import Database
from midcourse.trace.tree import Trace
from tests.store.samples import make
from tests.waiting import PATIENCE


def child(code: str, *arguments: str) -> str:
    """What a program of its own prints; it ends well."""
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def save_for_ever(store: Store, trace: Trace) -> None:
    while True:
        trace.grow([1] * 500, "model")
        store.save(trace)


def test_a_full_database(url: str) -> None:
    with Store.open(url) as store:
        store.add([make("a")])

        @event.listens_for(store._database.engine, "connect")
        def no_more_room(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA max_page_count=120")

        store._database.engine.dispose()
        with pytest.raises(
            DiskError, match=r"traces\.db: the disk is full; nothing of this was stored: make room"
        ) as full:
            store.add(make(f"trace {number}") for number in range(1000))
        assert len(str(full.value).splitlines()) == 1
        assert [trace.id for trace in store.all()] == ["a"]
        assert store.add([make("b")]) == Added(1, 0)
        trace = make("c")
        with pytest.raises(DiskError, match="the disk is full"):
            save_for_ever(store, trace)
        assert store.get("c").spans == trace.spans[:-1]
        assert list(store.verify()) == []
    with Store.open(url) as store:  # room was made
        store.save(trace)
        assert store.get("c") == trace


def test_a_file_that_may_not_grow(url: str) -> None:
    """The operating system refuses to write further (a quota): the same without SQLite knowing beforehand."""
    with Store.open(url) as store:
        store.add([make("a")])
    printed = child(
        """
        import resource, sys
        from midcourse.errors import DiskError
        from midcourse.store import Store
        from tests.store.samples import make
        with Store.open(sys.argv[1]) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
            try:
                store.add(make(f"trace {number}") for number in range(3000))
            except DiskError as error:
                print(error)
            print([trace.id for trace in store.all()], list(store.verify()))
        """,
        url,
    )
    message, left = printed.splitlines()
    assert "traces.db: the disk does not take or give the data; nothing was stored: look at its space, quota" in message
    assert left == "['a'] []"
    with Store.open(url) as store:
        assert list(store.verify()) == []
        assert store.add([make("a"), make("b")]) == Added(1, 1)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can look into."""
    folder = Path(tempfile.mkdtemp(prefix="midcourse-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_file(public: Path) -> None:
    with Store.open(str(public / "traces.db")) as store:
        store.add([make("a")])
    (public / "traces.db").chmod(0o444)
    public.chmod(0o555)
    printed = child(
        """
        import os, sys, tempfile
        from midcourse.errors import DiskError
        from midcourse.store import Store
        from tests.store.samples import make
        with tempfile.TemporaryDirectory() as folder:
            Store.open(folder + "/other.db").close()  # load everything while we still may
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)  # root may write anywhere
        for path in ("traces.db", "new.db", "folder/new.db"):
            try:
                with Store.open(f"{sys.argv[1]}/{path}") as store:
                    store.add([make("b")])
            except DiskError as error:
                print(error)
        """,
        str(public),
    )
    ours, new, folder = printed.splitlines()
    assert ours.startswith(f"{public}/traces.db: ")
    assert "read-only" in ours or "cannot be opened" in ours
    assert f"{public}/new.db: the file cannot be opened: check that its folder exists and allows" in new
    assert f"{public}/folder/new.db: its folder cannot be made: Permission denied" in folder
    assert os.listdir(public) == ["traces.db"]
    public.chmod(0o755)
    with Store.open(str(public / "traces.db")) as store:
        assert [trace.id for trace in store.all()] == ["a"]


def test_a_store_that_is_opened_to_read_only(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store:
        store.add([make("a")])
        with Store.open(f"sqlite:///file:{tmp_path}/traces.db?mode=ro&uri=true") as reader:
            assert reader.get("a") == make("a")
            with pytest.raises(DiskError, match="is read-only; nothing was stored"):
                reader.add([make("b")])


def test_another_process_that_writes(url: str, tmp_path: Path) -> None:
    with Store.open(url, timeout=0.1) as store:
        store.save(make("a"))
        with closing(sqlite3.connect(tmp_path / "traces.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match=r"traces\.db: another process is writing to it; nothing was stored"):
                store.save(make("b"))
            assert [trace.id for trace in store.all()] == ["a"]  # readers don't wait
            other.execute("ROLLBACK")
        store.save(make("b"))
        assert list(store.verify()) == []


def test_a_file_that_is_no_database(url: str, tmp_path: Path) -> None:
    (tmp_path / "traces.db").write_text('{"messages": []}\n' * 100)
    before = (tmp_path / "traces.db").read_bytes()
    with pytest.raises(StoreError, match=r"traces\.db: this is not an SQLite database; name another file"):
        Store.open(url)
    assert (tmp_path / "traces.db").read_bytes() == before
    assert os.listdir(tmp_path) == ["traces.db"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "a store in memory would be lost; name a file"),
        ("sqlite:///:memory:", "a store in memory would be lost; name a file"),
        ("", "a store in memory would be lost; name a file"),
        ("/", "/: this is a folder; name a file in it"),
        ("nosuchdatabase://localhost/x", "nosuchdatabase://localhost/x: no driver for such a database"),
        ("://", "'://' is not the URL of a database"),
        ("postgresql://x:notanumber/y", "is not the URL of a database"),
    ],
)
def test_what_is_no_url_of_a_store(url: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Store.open(url)
    assert message in str(error.value)


def test_a_store_that_should_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.db: there is no such store"):
        Store.open(str(tmp_path / "none.db"), create=False)
    assert os.listdir(tmp_path) == []


def test_the_folder_of_a_new_store_is_made(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "a" / "b.db")) as store:
        store.save(make("a"))
    with Store.open(str(tmp_path / "a" / "b.db"), create=False) as store:
        assert store.get("a") == make("a")


def test_every_connection_is_durable_and_checks_references(store: Store) -> None:
    with store._database.writing() as connection:
        for pragma, value in (("synchronous", 2), ("foreign_keys", 1), ("journal_mode", "wal"), ("busy_timeout", 5000)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_ctrl_c_while_a_connection_is_given_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is passed on, and no traceback is written about it; of anything else one is."""
    database = Database(f"sqlite:///{tmp_path / 's.db'}", create=True, timeout=5)
    for error, told in ((KeyboardInterrupt(), 0), (ZeroDivisionError(), 1)):
        connection = database.engine.raw_connection()
        broken = mock.patch.object(database.engine.dialect, "do_rollback", side_effect=error)
        with suppress(KeyboardInterrupt), broken:
            connection.close()
        assert len([record for record in caplog.records if record.name.startswith("sqlalchemy")]) == told
