"""`kill -9` of the browser at random moments: what it was told is kept is there, and its model stops."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.studio.browser.process import Studio
from tests.studio.browser.tab import Tab
from tests.waiting import until


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(model, tmp_path_factory.mktemp("studio")) as studio:
        yield studio


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", range(metafunc.config.getoption("--moments")))


def test_the_browser(studio: Studio, launch: Callable[[], Browser], moment: int) -> None:
    """Steered on the page, killed some tokens later; another browser sees all of it."""
    before = _browsers()
    browser = launch()
    started = _browsers() - before
    tab = Tab.new(browser)
    tab.open(studio)
    body = {"messages": [{"role": "user", "content": f"Tell me more, {moment}."}], "sampling": {"max_tokens": 300}}
    id = studio.post("/traces", body, code=201)["trace"]
    tab.go(f"#/steer/{id}")
    token = tab.page.locator("mc-answer .t")
    token.nth(2).wait_for()
    token.nth(1).click()
    with tab.page.expect_response(lambda answer: answer.url.endswith("/steer")) as kept:
        tab.page.keyboard.type("instead of that")
        tab.page.keyboard.press("Enter")
    assert kept.value.status == 200
    wanted = random.Random(moment).randrange(1, 40)
    until(lambda: len(studio.get(f"/traces/{id}")["tokens"]) >= wanted or _idle(studio, id), "some tokens")
    for process in started:
        os.kill(process, signal.SIGKILL)
    until(lambda: _idle(studio, id), "the end of its run")
    stored = studio.trace(id)
    assert len(stored.steers) == 1
    studio.sound()
    again = launch()
    other = Tab.new(again)
    other.open(studio)
    other.go(f"#/steer/{id}")
    until(lambda: other.page.locator("mc-answer .t").count() == stored.depth(stored.head), "showing all of it")
    other.close()
    again.close()


def _idle(studio: Studio, id: str) -> bool:
    return bool(studio.get(f"/traces/{id}")["run"]["state"] == "idle")


def _browsers() -> set[int]:
    """The first processes of all browsers that this one has started through Playwright's driver."""
    return {child for driver in _below(os.getpid()) for child in _below(driver)}


def _below(pid: int) -> list[int]:
    """The processes that a process has started and that run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
