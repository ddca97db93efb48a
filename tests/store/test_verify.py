"""Every kind of damage is found, named, and does not keep the rest from being checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from midcourse.errors import StoreError
from midcourse.store import Store
from tests.store.samples import make


@pytest.fixture
def damage(url: str, tmp_path: Path) -> Callable[[str], list[str]]:
    """Stores a hundred traces, does something to them behind the store's back, and says what `verify` finds."""

    def of(statement: str) -> list[str]:
        with Store.open(url) as store:
            store.add(make(f"trace {number}") for number in range(100))
            assert list(store.verify()) == []
        with closing(sqlite3.connect(tmp_path / "traces.db")) as connection, connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            assert connection.execute(statement).rowcount > 0
        with Store.open(url) as store:
            problems = list(store.verify())
        assert {problem.where for problem in problems} <= {str(tmp_path / "traces.db")}
        return [f"{problem.field}: {problem.message}" for problem in problems]

    return of


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE spans SET ids = x'0102' WHERE trace = 7 AND id = 1", "trace trace 6: 2 bytes are no whole number"),
        (
            "UPDATE spans SET ids = CAST(x'01000000' || ids AS BLOB) WHERE trace = 7 AND id = 4",
            "trace trace 6: the spans are not what",
        ),
        ("UPDATE spans SET ids = x'05000000' WHERE trace = 7 AND id = 4", "trace trace 6: the spans are not what"),
        ("UPDATE spans SET logprobs = x'05' WHERE trace = 7 AND id = 0", "trace trace 6: 1 bytes are not the log-prob"),
        (
            "UPDATE spans SET source = 'martian' WHERE trace = 7 AND id = 0",
            "trace trace 6: span 0 has the unknown source",
        ),
        ("UPDATE spans SET fork = 9 WHERE trace = 7 AND id = 2", "trace trace 6: span 2 forks after 9 of 2 tokens"),
        ("DELETE FROM spans WHERE trace = 7 AND id = 4", "trace trace 6: 4 of 5 spans are there"),
        ("DELETE FROM spans WHERE trace = 7 AND id = 1", "a row refers to one of 'spans' that is not there"),
        ("DELETE FROM steers WHERE trace = 7 AND id = 1", "trace trace 6: 1 of 2 steers are there"),
        ("DELETE FROM runs WHERE trace = 7 AND steer = 1 AND place = 1", "trace trace 6: the steers are not what was"),
        ("UPDATE runs SET stop = stop - 1 WHERE trace = 7 AND place = 1", "trace trace 6: the steers are not what was"),
        ("UPDATE steers SET reason = 'x' WHERE trace = 7", "trace trace 6: the steers are not what was stored"),
        ("UPDATE steers SET weight = -1 WHERE trace = 7", "trace trace 6: steer 0 has the weight -1"),
        ("UPDATE steers SET tags = '[' WHERE trace = 7", "trace trace 6: Expecting value"),
        ("UPDATE traces SET messages = '[]' WHERE seq = 7", "trace trace 6: the conversation, the model or the prompt"),
        ("UPDATE traces SET cursor = 0 WHERE seq = 7", "trace trace 6: the head, the attributes, the tags"),
        ("UPDATE traces SET cursor = 50 WHERE seq = 7", "trace trace 6: the head is entry 50 of"),
        ("UPDATE traces SET history = x'00' WHERE seq = 7", "trace trace 6: 1 bytes are no whole number of places"),
        ("UPDATE traces SET tokens = 1 WHERE seq = 7", "trace trace 6: it is listed with 1 tokens"),
        ("UPDATE traces SET steered = 0 WHERE seq = 7", "trace trace 6: it is listed wrongly as steered or not"),
        ("UPDATE traces SET digest = x'00' WHERE seq = 7", "trace trace 6: the head, the attributes, the tags"),
        ("DELETE FROM steer_tags WHERE trace = 7 AND steer = 0", "trace trace 6: the tags of its steers cannot be"),
        ("UPDATE steers SET serves = '[\"x\"]' WHERE trace = 7", "trace trace 6: the steers are not what was stored"),
        (
            "INSERT INTO steer_serves VALUES ('wit', 7, 0)",
            "trace trace 6: what its steers serve cannot be searched for",
        ),
        ("UPDATE steers SET aside = 1 WHERE trace = 7", "trace trace 6: the steers are not what was stored"),
        ("UPDATE steers SET kind = 'mark' WHERE trace = 7", "trace trace 6: its steers are listed wrongly by kind"),
        ("UPDATE steers SET abandoned = 1 WHERE trace = 7", "trace trace 6: its steers are listed wrongly by kind"),
        ("INSERT INTO trace_attributes VALUES ('wit', 7, 1)", "trace trace 6: its attributes cannot be searched for"),
        ("INSERT INTO trace_tags VALUES ('y', 7)", "trace trace 6: its tags cannot be searched for"),
        ("DELETE FROM steer_words WHERE trace = 7 AND steer = 0", "trace trace 6: the words to search in do not"),
        ("DELETE FROM traces WHERE seq = 7", "spans: a row refers to one of 'traces' that is not there"),
        ("UPDATE traces SET title = CAST(x'ff' AS TEXT) WHERE seq = 7", "UTF-8"),
    ],
)
def test_damage_is_found(damage: Callable[[str], list[str]], statement: str, expected: str) -> None:
    found = damage(statement)
    assert any(expected in problem for problem in found), found
    assert all("trace 6:" in problem or "a row refers" in problem or "UTF-8" in problem for problem in found), found


def test_damage_in_two_traces_is_found_in_both(damage: Callable[[str], list[str]]) -> None:
    found = damage("UPDATE spans SET ids = x'0102' WHERE trace IN (3, 95) AND id = 1")
    assert [problem.split(":")[0] for problem in found] == ["trace trace 2", "trace trace 94"]


def test_a_trace_that_cannot_be_fetched_hides_no_other(damage: Callable[[str], list[str]]) -> None:
    found = damage("UPDATE traces SET steered = seq NOT IN (9, 60), title = iif(seq = 33, CAST(x'ff' AS TEXT), title)")
    assert [problem.split(":")[0] for problem in found] == ["trace trace 8", "None", "trace trace 59"]
    assert "the trace after number 32 cannot be fetched" in found[1]


def test_a_damaged_trace_is_not_handed_out_and_the_others_are(url: str, damage: Callable[[str], list[str]]) -> None:
    damage("UPDATE spans SET ids = x'0102' WHERE trace = 7 AND id = 1")
    with Store.open(url) as store:
        with pytest.raises(StoreError, match=r"traces\.db: trace trace 6 is damaged: 2 bytes are no whole number"):
            store.get("trace 6")
        assert store.get("trace 5") == make("trace 5")
        with pytest.raises(StoreError, match="trace 6 is damaged"):
            list(store.all())


def test_overwritten_pages_are_found(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store:
        store.add(make(f"trace {number}") for number in range(300))
    file = tmp_path / "traces.db"
    data = bytearray(file.read_bytes())
    for page in range(45, len(data) // 4096, 10):
        data[page * 4096 : page * 4096 + 512] = b"\xa5" * 512
    file.write_bytes(data)
    with Store.open(url) as store:
        found = list(store.verify())
        assert found
        with pytest.raises(StoreError, match=r"traces\.db: .*damaged"):
            list(store.all())
