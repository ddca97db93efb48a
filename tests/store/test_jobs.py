"""Jobs: claimed once, reported by another process, and every change seen once by who asks for what has changed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from midcourse.errors import UserError
from midcourse.store import Job, Store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def where(request: pytest.FixtureRequest) -> str:
    name = {"sqlite": "url", "postgres": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


@pytest.fixture
def opened(where: str) -> Iterator[Store]:
    with Store.open(where) as store:
        yield store


def test_a_job_from_its_beginning_to_its_end(opened: Store) -> None:
    jobs = opened.jobs
    made = jobs.create("train", "cards", command="midcourse train", recipe={"epochs": 2}, folder="/f", steers=7)
    assert (made.state, made.started, made.ended, made.pid, made.beat) == ("waiting", None, None, None, None)
    assert (made.recipe, made.steers, made.points, made.latest, made.metrics) == ({"epochs": 2}, 7, 0, None, None)
    running = jobs.claim(123)
    assert running is not None
    assert (running.id, running.state, running.pid, running.ended) == (made.id, "running", 123, None)
    assert running.started is not None
    assert running.started >= made.created
    assert jobs.claim(124) is None
    assert jobs.report(made.id, [{"step": 1}, {"step": 2}]) == 2
    assert jobs.report(made.id, [{"step": 3}], message="half of it") == 3
    assert jobs.report(made.id, []) == 3
    assert jobs.points(made.id) == [(0, {"step": 1}), (1, {"step": 2}), (2, {"step": 3})]
    assert jobs.points(made.id, after=2) == [(2, {"step": 3})]
    assert jobs.points(made.id, after=1, limit=1) == [(1, {"step": 2})]
    assert jobs.points(made.id, after=3) == []
    job = jobs.get(made.id)
    assert (job.points, job.latest, job.message) == (3, {"step": 3}, "half of it")
    assert job.beat is not None
    assert jobs.beat(made.id) == "running"
    done = jobs.change(made.id, was=("running",), state="done", metrics={"steers": 7})
    assert done is not None
    assert (done.state, done.metrics, done.pid) == ("done", {"steers": 7}, None)
    assert done.ended is not None
    assert jobs.change(made.id, was=("running",), state="failed") is None
    assert jobs.get(made.id) == done


def test_a_stopped_job_can_go_on(opened: Store) -> None:
    jobs = opened.jobs
    first = jobs.create("train", "a")
    assert jobs.claim(1, id=first.id + 1) is None
    assert jobs.claim(1, id=first.id) is not None
    assert jobs.change(first.id, was=("waiting", "running"), state="stopping") is not None
    assert jobs.beat(first.id) == "stopping"
    stopped = jobs.change(first.id, state="stopped")
    waiting = jobs.change(first.id, was=("stopped", "failed"), state="waiting", recipe={"again": True})
    assert stopped is not None
    assert waiting is not None
    assert (waiting.ended, waiting.started, waiting.recipe) == (None, stopped.started, {"again": True})
    again = jobs.claim(2)
    assert again is not None
    assert (again.pid, again.started) == (2, stopped.started)


def test_jobs_are_listed_newest_first_and_found_by_their_change(opened: Store) -> None:
    jobs = opened.jobs
    made = [jobs.create("train" if number % 2 else "measure", f"{number}") for number in range(4)]
    assert [job.name for job in jobs.all()] == ["3", "2", "1", "0"]
    assert [job.name for job in jobs.all(kind="train")] == ["3", "1"]
    seen = jobs.since(0)[-1].changed
    assert jobs.since(seen) == []
    jobs.claim(1)
    jobs.report(made[2].id, [{}])
    jobs.report(made[2].id, [{}])
    jobs.beat(made[1].id)
    assert [job.name for job in jobs.since(seen)] == ["0", "2"]
    assert [job.name for job in jobs.all(states=("running", "stopping"))] == ["0"]
    with pytest.raises(UserError, match="there is no job 99"):
        jobs.get(99)
    for wrong in (jobs.beat, jobs.change):
        with pytest.raises(UserError, match="there is no job 99"):
            wrong(99)


def test_a_job_is_claimed_once_by_many(where: str) -> None:
    claimed: list[Job] = []
    failed: list[BaseException] = []
    together = threading.Barrier(4)
    with Store.open(where) as store:
        made = [store.jobs.create("train", f"{number}") for number in range(10)]

    def work(number: int) -> None:
        try:
            with Store.open(where) as store:
                together.wait()
                while job := store.jobs.claim(number):
                    claimed.append(job)
        except BaseException as error:  # noqa: BLE001 a thread's error would be lost
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(job.id for job in claimed) == [job.id for job in made]


CHILD = """
import sys
from midcourse.store import Store
with Store.open(sys.argv[1]) as store:
    for step in range(100):
        store.jobs.report(int(sys.argv[2]), [{"step": step}])
"""


def test_another_process_reports_and_no_change_is_missed(where: str) -> None:
    """Two processes report at once; whoever polls with the last number seen gets every job's last change."""
    with Store.open(where) as store:
        ids = [store.jobs.create("train", f"{number}").id for number in range(2)]
        children = [subprocess.Popen([sys.executable, "-c", CHILD, where, str(id)]) for id in ids]
        changed, points = 0, dict.fromkeys(ids, 0)
        while any(child.poll() is None for child in children) or store.jobs.since(changed):
            for job in store.jobs.since(changed):
                assert job.changed > changed
                assert job.points >= points[job.id]
                changed, points[job.id] = job.changed, job.points
        assert [child.returncode for child in children] == [0, 0]
        assert points == dict.fromkeys(ids, 100)
        for id in ids:
            assert [point["step"] for _, point in store.jobs.points(id)] == list(range(100))


REPORTER = """
import sys
from midcourse.store import Store
with Store.open(sys.argv[1]) as store:
    job = store.jobs.claim(1)
    while True:
        print(store.jobs.report(job.id, [{"step": n} for n in range(3)]), flush=True)
"""


@pytest.mark.parametrize("reports", [1, 7, 30])
def test_a_killed_process_has_reported_all_that_it_knows_of(where: str, reports: int) -> None:
    with Store.open(where) as store:
        made = store.jobs.create("train", "a")
        with subprocess.Popen([sys.executable, "-c", REPORTER, where], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(reports):
                child.stdout.readline()
            child.kill()
            known = [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        acknowledged = known[-1] if known else 3 * reports
        job = store.jobs.get(made.id)
        assert (job.state, job.pid) == ("running", 1)
        assert job.points in (acknowledged, acknowledged + 3)
        assert [n for n, _ in store.jobs.points(made.id)] == list(range(job.points))
