"""The same store on a real PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from midcourse.errors import StoreError, UserError
from midcourse.store import Added, Store
from midcourse.trace.tree import Trace
from tests.store.samples import make, read
from tests.store.strategies import traces

pytestmark = pytest.mark.server


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Store]:
    with Store.open(postgres_url, timeout=1) as store:
        yield store
        assert list(store.verify()) == []


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(trace=traces())
def test_a_trace_comes_back_equal(shared: Store, trace: Trace) -> None:
    trace.id = f"{trace.id}/{shared.count().traces}"
    assert shared.add([trace], read) == Added(1, 0)
    assert shared.get(trace.id) == trace
    trace.grow([1, 2], "human") if trace.head.span is None else trace.undo()
    shared.save(trace)
    assert shared.get(trace.id) == trace


def test_adding_is_whole_and_happens_once(shared: Store) -> None:
    def broken() -> Iterator[Trace]:
        yield from (make(f"trace {number}") for number in range(100))
        raise KeyError

    with pytest.raises(KeyError):
        shared.add(broken())
    assert shared.count().traces == 0
    assert shared.add(make(f"trace {number % 100}") for number in range(150)) == Added(100, 50)
    assert [trace.id for trace in shared.all()] == [f"trace {number}" for number in range(100)]


def test_pages(shared: Store) -> None:
    shared.add((make(f"trace {number}", tags=(f"{number % 2}",)) for number in range(50)), read)
    page = shared.traces(limit=10, tag="1", steered=True, text="SAY")
    assert [row.id for row in page.rows] == [f"trace {number}" for number in range(49, 30, -2)]
    assert shared.traces(limit=10, tag="1", after=page.next).rows[0].id == "trace 29"
    steers = shared.steers(limit=30, author="ada", tag="t", text="UV")
    assert (steers.rows[0].trace, steers.rows[0].steer, steers.rows[0].chosen) == ("trace 49", 1, "uv")
    after = shared.steers(limit=3, author="ada", tag="t", text="uv", after=steers.next)
    assert [(row.trace, row.steer) for row in after.rows] == [("trace 34", 1), ("trace 34", 0), ("trace 33", 1)]


def test_many_sessions_save_at_once(shared: Store) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            trace = make(f"trace {number}")
            for _ in range(10):
                trace.grow([1, 2, 3], "model")
                shared.save(trace)
            assert shared.get(trace.id) == trace
        except BaseException as error:  # noqa: BLE001 a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert shared.count().traces == 6


def test_two_writers_of_one_trace(shared: Store, postgres_url: str) -> None:
    shared.save(make("a"))
    with Store.open(postgres_url) as other:
        theirs, ours = other.get("a"), shared.get("a")
        theirs.grow([60], "human")
        other.save(theirs)
        with pytest.raises(StoreError, match="trace a has grown elsewhere"):
            shared.save(ours)
        with other._database.writing() as connection:
            connection.execute(text("SELECT * FROM traces FOR UPDATE"))
            with pytest.raises(StoreError, match="another process is writing the same; nothing was stored: try again"):
                shared.save(theirs)
    assert shared.get("a") == theirs


def test_several_that_open_an_empty_database_together_make_it_once(postgres_url: str) -> None:
    together, failed = threading.Barrier(4), []

    def work() -> None:
        together.wait()
        try:
            Store.open(postgres_url).close()
        except BaseException as error:  # noqa: BLE001 a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_each_write_is_durable_though_the_server_would_not_wait(shared: Store) -> None:
    with shared._database.writing() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


def test_a_database_may_hold_other_tables_but_not_ours(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bookmarks (id int)")
        Store.open(postgres_url).close()
        connection.execute("DROP TABLE midcourse_version")
    with pytest.raises(StoreError, match="another program's database"):
        Store.open(postgres_url)


def test_a_newer_database_is_refused(postgres_url: str) -> None:
    with Store.open(postgres_url) as store, store._database.writing() as connection:
        connection.execute(text("UPDATE midcourse_version SET version_num = '0999'"))
    with pytest.raises(StoreError, match="of version 0999, newer than 0003"):
        Store.open(postgres_url)


def test_a_read_only_server(postgres_url: str) -> None:
    Store.open(postgres_url).close()
    with Store.open(postgres_url + "&options=-cdefault_transaction_read_only%3Don") as store:
        with pytest.raises(UserError, match="the server is read-only; nothing was stored"):
            store.save(make("a"))
        assert store.count().traces == 0


def test_a_server_that_is_not_there_keeps_the_password_secret() -> None:
    with pytest.raises(StoreError, match="the server cannot be reached") as error:
        Store.open("postgresql://ada:secret@127.0.0.1:1/traces")
    assert "secret" not in str(error.value)
    assert len(str(error.value).splitlines()) == 1
