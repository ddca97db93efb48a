"""The whole way with the keyboard alone: no pointer is moved or pressed in here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from midcourse import models
from tests.studio.browser.process import Studio
from tests.studio.browser.steering import Steering
from tests.studio.browser.tab import Tab
from tests.waiting import until


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(model, tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@pytest.fixture
def view(studio: Studio, tabs: Callable[..., Tab], model: Path) -> Steering:
    tab = tabs()
    tab.open(studio)
    return Steering(tab, studio, models.load_tokenizer(str(model)))


def keys(page: Page, *pressed: str) -> None:
    for key in pressed:
        page.keyboard.press(key)


def test_from_a_prompt_to_steers(view: Steering) -> None:
    page = view.page
    prompt = page.get_by_role("textbox", name="Prompt", exact=True)
    expect(prompt).to_be_focused()
    page.keyboard.type("Tell me a story.")
    keys(page, "Enter")
    view.tokens.nth(3).wait_for()
    keys(page, "Escape")
    view.agree()
    keys(page, "Home", "ArrowRight", "ArrowRight", "Enter")
    expect(view.line).to_be_focused()
    page.keyboard.type("instead of this")
    view.changes(lambda trace: len(trace.steers), lambda: keys(page, "Enter"))
    keys(page, "Escape")
    view.agree()
    steer = view.steer()
    assert steer.chosen is not None
    assert view.decoded(view.stored().run_ids(steer.chosen)).strip() == "instead of this"
    keys(page, "Home", "ArrowRight", "Enter")
    expect(page.get_by_role("group", name="What could stand here").get_by_role("button").nth(3)).to_be_visible()
    view.changes(lambda trace: len(trace.steers), lambda: keys(page, "4"))
    keys(page, "Escape")
    view.agree()
    view.changes(lambda trace: trace.cursor, lambda: keys(page, "u"))
    view.agree()
    view.changes(lambda trace: trace.cursor, lambda: keys(page, "y"))
    view.agree()
    keys(page, "Home", "ArrowRight", "ArrowRight")
    view.changes(lambda trace: len(trace.steers), lambda: keys(page, "m"))
    assert view.steer().chosen is None
    view.changes(lambda trace: len(trace.steers), lambda: keys(page, "e"))
    view.agree()
    assert view.steer().ends
    keys(page, "r")
    expect(page.locator(":focus")).to_have_role("textbox")
    page.keyboard.type("it was enough")
    keys(page, "Enter")
    until(lambda: view.steer().reason == "it was enough", "the reason on disk")
    assert len(view.stored().steers) == 4


def test_every_view_and_back(view: Steering) -> None:
    page = view.page
    for number, heading in enumerate(("Review", "New training", "Compare", "Data"), 2):
        keys(page, f"Alt+{number}")
        expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
    keys(page, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys(page, "Alt+1", "c")
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_focused()


def test_tab_reaches_what_can_be_pressed(view: Steering) -> None:
    """From the skip link through the bar to the prompt, each with a visible ring."""
    page = view.page
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    seen = []
    for _ in range(30):
        keys(page, "Tab")
        seen.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()"))
        if page.evaluate("document.activeElement.id") == "new-prompt":
            break
    assert {"Skip to the content", "Review", "Train", "Compare", "Data", "Keys", "Preferences", "New"} <= set(seen)
    assert page.evaluate("document.activeElement.id") == "new-prompt"
