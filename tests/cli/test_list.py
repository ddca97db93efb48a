"""`list`, and the filters of `export`, on a store that needs no model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse.store import Store
from tests.cli.conftest import Ran
from tests.store.samples import read
from tests.store.test_filters import varied


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    with Store.open(str(tmp_path / "traces.db")) as store:
        store.add(varied(), read)
    return tmp_path / "traces.db"


def test_how_a_steer_stands(mc: Callable[..., Ran], kept: Path) -> None:
    found = mc("list", "--store", kept, "--json", "--limit", 1000).json
    assert found["total"] == len(found["steers"]) == sum(len(trace.steers) for trace in varied())
    assert {"kind", "aside", "abandoned", "title"} < found["steers"][0].keys()
    for name in ("aside", "abandoned"):
        assert {row[name] for row in found["steers"]} == {True, False}
    table = mc("list", "--store", kept, "--limit", 1000).out
    assert "aside" in table
    assert "abandoned" in table


@pytest.mark.parametrize(
    ("flags", "test"),
    [
        (["--aside"], lambda row: row["aside"]),
        (["--not-aside", "--kind", "mark"], lambda row: not row["aside"] and row["kind"] == "mark"),
        (["--abandoned"], lambda row: row["abandoned"]),
        (["--not-abandoned", "--author", "bob"], lambda row: not row["abandoned"] and row["author"] == "bob"),
        (["--serves", "help"], lambda row: "help" in row["serves"]),
        (["--trace-tag", "tag 1", "--model", "m0"], lambda row: int(row["trace"]) % 6 == 4),
    ],
)
def test_filters(
    mc: Callable[..., Ran], kept: Path, flags: list[str], test: Callable[[dict[str, object]], bool]
) -> None:
    every = mc("list", "--store", kept, "--json", "--limit", 1000).json["steers"]
    found = mc("list", "--store", kept, "--json", "--limit", 1000, *flags).json["steers"]
    assert found == [row for row in every if test(row)]
    assert 0 < len(found) < len(every)
