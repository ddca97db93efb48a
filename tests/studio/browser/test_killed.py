"""`kill -9` at random moments: what was acknowledged is there, and everything goes on."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio.browser.person import Person
from tests.studio.browser.process import Studio


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
    killer = threading.Timer(chance.uniform(0.2, 3), studio.kill)
    for thread in (*threads, killer):
        thread.start()
    for thread in (*threads, killer):
        thread.join()
    studio.start()
    assert [one.wrong for one in people] == [None, None]
    assert sum(len(one.kept.steers) for one in people) > 0
    for one in people:
        one.kept.check(studio)
