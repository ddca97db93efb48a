"""What a job's process says: in order, each once, whatever the store does meanwhile."""

from __future__ import annotations

import signal
import sqlite3
import threading
from pathlib import Path
from typing import Any

from midcourse.learn.run.progress import Progress
from midcourse.store import Store
from midcourse.studio.jobs.reporter import MOST, Reporter
from tests.waiting import until


def points(store: Store, id: int) -> list[dict[str, Any]]:
    return [point for _, point in store.jobs.points(id)]


def test_in_order_and_once_though_the_store_is_locked(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s.db"), timeout=0.1) as store:
        id = store.jobs.create("train", "x").id
        assert store.jobs.claim(1, id=id) is not None
        other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        with Reporter(store, id) as report:
            for step in range(1, 6):
                report(Progress("train", step=step, steps=9, epoch=1, epochs=1, loss=1.0))
            until(lambda: len(points(store, id)) == 5)
            other.execute("BEGIN IMMEDIATE")
            for step in range(6, 10):
                report(Progress("train", step=step, steps=9, epoch=1, epochs=1, loss=1.0))
            threading.Event().wait(0.6)  # it has tried meanwhile
            assert len(points(store, id)) == 5
            other.execute("COMMIT")
            report(Progress("note", note="at last", held_out={"loss": 1.0}))
            report.end(state="done", metrics={"steers": 1})
        other.close()
        found = points(store, id)
        assert [point["step"] for point in found] == [*range(1, 10), 0]
        assert (found[-1]["note"], found[-1]["held_out"]) == ("at last", {"loss": 1.0})
        assert store.jobs.get(id).state == "done"


def test_long_trainings_say_what_curves_need(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s.db")) as store:
        id = store.jobs.create("train", "x").id
        store.jobs.claim(1, id=id)
        steps = 50 * MOST
        with Reporter(store, id) as report:
            for step in range(1, steps + 1):
                report(Progress("train", step=step, steps=steps, epoch=1 + step * 4 // (steps + 1), epochs=4))
            report.end()
        found = points(store, id)
        assert MOST <= len(found) <= MOST + 10
        assert found[0]["step"] == 1
        assert found[-1]["step"] == steps
        assert {point["epoch"] for point in found} == {1, 2, 3, 4}


def test_a_wish_to_stop_comes_as_ctrl_c_and_once(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with Store.open(str(tmp_path / "s.db")) as store:
            id = store.jobs.create("train", "x").id
            store.jobs.claim(1, id=id)
            with Reporter(store, id) as report:
                store.jobs.change(id, state="stopping")
                until(lambda: heard)
                beat = store.jobs.get(id).beat
                until(lambda: store.jobs.get(id).beat != beat)
                report.end(state="stopped")
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]
