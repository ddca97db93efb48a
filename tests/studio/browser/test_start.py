"""The studio starts as a user starts it, opens in a browser by the printed address, and ends by Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.studio.browser.process import Studio
from tests.studio.browser.tab import Tab
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(model, tmp_path_factory.mktemp("studio")) as studio:
        yield studio


def test_the_printed_address_opens_it(studio: Studio, tab: Tab) -> None:
    tab.open(studio)
    expect(tab.page).to_have_title("Steer · Midcourse")
    assert "token" not in tab.page.url
    [cookie] = tab.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert tab.page.evaluate("document.cookie") == ""


def test_without_the_token_it_is_locked(studio: Studio, tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    with tab.expecting(r"answered: 401 .*", r"console: .*401.*"):
        tab.page.goto(studio.origin)
        expect(tab.page.get_by_role("heading")).to_have_text("This studio is locked")
    assert httpx.get(f"{studio.origin}/api/traces", trust_env=False, timeout=PATIENCE).status_code == 401


def test_ctrl_c_ends_it_and_it_starts_again_at_the_same_address(studio: Studio) -> None:
    address = studio.address
    studio.restart()
    assert studio.address == address
    assert studio.get("/openapi.json")["openapi"]
    studio.sound()
