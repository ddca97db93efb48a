"""Workers that share a ledger: no cell is done twice, none is lost, whoever is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from benchmarks.effort import workers
from benchmarks.effort.ledger import Ledger, collect, read
from benchmarks.effort.plan import Cell

from tests import forked
from tests.effort import worker


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "Bench", workers.Bench)
    monkeypatch.setattr(workers.cells, "run", workers.cells.run)


def start(place: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return forked.Popen([sys.executable, "-m", "tests.effort.worker", str(place), *arguments])


def log(place: Path) -> Counter[str]:
    return Counter((place / "log").read_text().splitlines())


def wait_for(path: Path, child: subprocess.Popen[bytes]) -> None:
    while not path.exists():
        assert child.poll() is None, "the worker ended too soon"
        time.sleep(0.01)


def test_a_killed_worker_loses_the_cell_it_was_in_and_nothing_else(tmp_path: Path) -> None:
    victim = worker.CELLS[5].key
    child = start(tmp_path, victim)
    wait_for(tmp_path / "here", child)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not Ledger(tmp_path).done(victim)
    assert len(Ledger(tmp_path).rows()) == 5
    assert worker.work(tmp_path) == len(worker.CELLS) - 5
    assert {row["key"] for row in Ledger(tmp_path).rows()} == {cell.key for cell in worker.CELLS}
    seen = log(tmp_path)
    assert all(seen[f"done {cell.key}"] == 1 for cell in worker.CELLS)
    assert {key for key, count in seen.items() if count > 1} == {f"begin {victim}"}


def test_what_another_worker_has_claimed_is_passed_by(tmp_path: Path) -> None:
    busy = worker.CELLS[2]  # the first of two rounds: its worker has the second one, too
    child = start(tmp_path, busy.key)
    try:
        wait_for(tmp_path / "here", child)
        worker.work(tmp_path)
        left = [cell for cell in worker.CELLS if not Ledger(tmp_path).done(cell.key)]
        assert [cell.key for cell in left] == [busy.key, worker.CELLS[3].key]
    finally:
        child.kill()
        child.wait()
    worker.work(tmp_path)
    assert len(Ledger(tmp_path).rows()) == len(worker.CELLS)
    assert all(log(tmp_path)[f"done {cell.key}"] == 1 for cell in worker.CELLS)


def test_two_workers_share_the_cells(tmp_path: Path) -> None:
    children = [start(tmp_path, "", "0.05") for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert all(count == 1 for count in log(tmp_path).values())
    assert len(Ledger(tmp_path).rows()) == len(worker.CELLS)


def test_what_was_committed_is_done(tmp_path: Path) -> None:
    worker.work(tmp_path / "first")
    rows = Ledger(tmp_path / "first").rows()
    collect(rows[:-1], tmp_path / "data.jsonl")
    again = Ledger(tmp_path / "second", tmp_path / "data.jsonl")
    assert again.rows() == rows[:-1] == read(tmp_path / "data.jsonl")
    assert [again.done(row["key"]) for row in rows] == [True] * (len(rows) - 1) + [False]


def test_no_cell_is_begun_that_would_not_end_in_time(tmp_path: Path) -> None:
    worker.work(tmp_path)  # a second each, they say
    for file in (tmp_path / "cells").glob("*-250-*"):
        file.unlink()
    ledger = Ledger(tmp_path)
    assert workers.work(worker.CELLS, ledger, worker.FULL, seconds=0.5) == 0
    assert workers.work(worker.CELLS, ledger, worker.FULL, seconds=60) == 4


def rows(*took: tuple[str, int, float]) -> list[dict[str, Any]]:
    return [{"method": method, "budget": budget, "seconds": {"all": seconds}} for method, budget, seconds in took]


def test_time_left_is_that_of_cells_alike() -> None:
    one, other = worker.CELLS[0], worker.CELLS[1]
    assert workers.seconds_left([one, one, other], rows((one.method.name, 100, 10), (one.method.name, 100, 20))) == 45
    known = rows((one.method.name, 100, 10), (one.method.name, 250, 100))
    assert workers.seconds_left([one, other], known) == 110
    assert workers.seconds_left([one], []) == 0
    assert workers.seconds_left([], known) == 0


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 min"), (89, "1 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")])
def test_durations(seconds: float, said: str) -> None:
    assert workers.words(seconds) == said


def test_the_cells_of_the_test_are_real_ones() -> None:
    assert all(isinstance(cell, Cell) for cell in worker.CELLS)
