"""`kill -9` at random moments: what was acknowledged is there, and everything goes on."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio.browser.person import Person
from tests.studio.browser.process import Studio
from tests.waiting import until

ANSWERS = Path(__file__).parent / "answers.jsonl"


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(model, tmp_path_factory.mktemp("studio")) as studio:
        yield studio


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", range(metafunc.config.getoption("--moments")))


def test_the_server(studio: Studio, moment: int) -> None:
    """Two people work; whatever they were told is kept is there when the server is back."""
    chance = random.Random(moment)
    people = [Person(studio, seed=2 * moment + number) for number in range(2)]
    threads = [threading.Thread(target=one.work) for one in people]

    def kill() -> None:
        until(lambda: any(one.kept.steers for one in people), "a steer that is kept")
        time.sleep(chance.uniform(0, 3))
        studio.kill()

    killer = threading.Thread(target=kill)
    for thread in (*threads, killer):
        thread.start()
    for thread in (*threads, killer):
        thread.join()
    studio.start()
    assert [one.wrong for one in people] == [None, None]
    for one in people:
        one.kept.check(studio)


def test_the_training(studio: Studio, moment: int) -> None:
    """The studio goes on, says that the training was killed, and the training goes on when it is asked to."""
    studio.post("/import", {"name": ANSWERS.name, "text": ANSWERS.read_text(encoding="utf-8")})
    name = f"killed-{moment}"
    settings = {"epochs": 8, "batch": 2, "checkpoint_every": 1}
    wish = {"name": name, "select": {"trace_tag": "plain words"}, "settings": settings}
    job = studio.post("/jobs/train", wish, code=201)["id"]

    def steps() -> int:
        progress = studio.get(f"/jobs/{job}")["job"]["progress"]
        return progress["step"] if progress else 0

    wanted = random.Random(moment).randrange(1, 20)
    until(lambda: steps() >= wanted, f"step {wanted}")
    for child in _below(studio.process.pid if studio.process else 0):
        os.kill(child, signal.SIGKILL)
    until(lambda: studio.get(f"/jobs/{job}")["job"]["state"] == "failed", "saying so")
    assert studio.get(f"/jobs/{job}")["job"]["resumable"]
    studio.sound()
    studio.post(f"/jobs/{job}/resume")
    until(lambda: studio.get(f"/jobs/{job}")["job"]["state"] in ("done", "failed"), "the end")
    assert studio.get(f"/jobs/{job}")["job"]["state"] == "done"
    assert name in [one["name"] for one in studio.get("/models")["adapters"]]


def _below(pid: int) -> list[int]:
    """The processes that a process has started and that run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
