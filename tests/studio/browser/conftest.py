"""Chromium, and pages on which anything unexpected fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.studio.browser.tab import Tab
from tests.waiting import PATIENCE

QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def launch(playwright: Playwright) -> Callable[[], Browser]:
    """Starts Chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "the studio is tested in Chromium; `make system` installs it"
    return lambda: playwright.chromium.launch(executable_path=chromium, args=QUIET)


@pytest.fixture(scope="module")
def browser(launch: Callable[[], Browser]) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens tabs, each in a context of its own or in that of another; closes them and looks at what they have seen."""
    opened: list[Tab] = []

    def new(**options: object) -> Tab:
        opened.append(Tab.new(browser, **options))
        return opened[-1]

    yield new
    for tab in opened:
        tab.close()


@pytest.fixture
def tab(tabs: Callable[..., Tab]) -> Tab:
    """A tab of a desk's screen."""
    return tabs()
