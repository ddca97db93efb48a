"""A store of the first version, with data in it, becomes one of today: nothing is lost, and what is new is right.

`first_version.json` holds the rows of such a store as its tables had them: every kind of steer, heads that were moved
back, odd characters, texts that nobody decoded.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, LargeBinary, MetaData, create_engine, inspect, make_url, text

from midcourse.store import Store, schema

ROWS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "first_version.json").read_text())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def where(request: pytest.FixtureRequest) -> str:
    """The URL of a store of the first version."""
    url = str(request.getfixturevalue({"sqlite": "url", "postgres": "postgres_url"}[request.param]))
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        metadata = MetaData()
        metadata.reflect(connection)
        for name, rows in ROWS.items():
            columns = metadata.tables[name].c
            connection.execute(
                metadata.tables[name].insert(),
                [{key: _value(columns[key].type, value) for key, value in row.items()} for row in rows],
            )
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('traces_seq_seq', (SELECT max(seq) FROM traces))"))
    engine.dispose()
    return url


def _value(kind: object, value: Any) -> Any:
    if isinstance(kind, LargeBinary) or isinstance(value, dict):
        return value and base64.b64decode(value["base64"])
    return bool(value) if isinstance(kind, Boolean) else value


def test_nothing_is_lost(where: str) -> None:
    with Store.open(where) as store:
        assert list(store.verify()) == []
        assert [trace.id for trace in store.all()] == ["plain", "every kind", "undone", "regenerated", "never decoded"]
        every = store.get("every kind")
        assert every.attributes == {"helpfulness": 4.0, "humour": 0.5}
        assert [steer.reason for steer in every.steers] == ["it was a dog\x00", None, None, None]
        assert store.get("regenerated").tags == ("ünïcode\ud800",)
        every.undo()
        every.grow([1, 2], "human")
        store.save(every)
        assert store.add([every]) == (0, 1, 0)
        assert list(store.verify()) == []


def test_the_tables_are_those_of_a_new_store(where: str, tmp_path: Path) -> None:
    with Store.open(where) as old, old._database.reading() as connection:
        found = inspect(connection)
        for table in schema.metadata.sorted_tables:
            assert {column["name"] for column in found.get_columns(table.name)} == set(table.c.keys())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE traces SET history = '\\x00' WHERE seq = 2",
        "UPDATE traces SET cursor = 99 WHERE seq = 2",
        "UPDATE traces SET attributes = '[' WHERE seq = 2",
        "UPDATE traces SET attributes = '[]' WHERE seq = 2",
        "UPDATE spans SET parent = id WHERE trace = 2 AND id = 3",
        "DELETE FROM runs WHERE trace = 2",
    ],
)
def test_a_damaged_trace_keeps_nobody_from_the_others(where: str, damage: str) -> None:
    parsed = make_url(where)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    else:
        damage = damage.replace("'\\x00'", "x'00'")
    engine = create_engine(parsed)
    with engine.begin() as connection:
        connection.execute(text(damage))
    engine.dispose()
    with Store.open(where) as store:
        assert {str(problem.field) for problem in store.verify()} == {"trace every kind"}
        assert store.get("regenerated").attributes == {"helpfulness": 2.0}
        assert [row.abandoned for row in store.steers(trace="undone").rows] == [True, False]
