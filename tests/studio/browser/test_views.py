"""Every view in each look: axe-core finds nothing serious, nothing is reported, a phone does not scroll sideways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.studio.browser import axe
from tests.studio.browser.process import Studio
from tests.studio.browser.tab import Tab
from tests.waiting import until

ANSWERS = Path(__file__).parent / "answers.jsonl"
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
    "dark phone": PHONE | {"color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """With steers, and with an adapter that was trained on them."""
    with Studio(model, tmp_path_factory.mktemp("studio")) as studio:
        studio.post("/import", {"name": ANSWERS.name, "text": ANSWERS.read_text(encoding="utf-8")})
        studio.post("/jobs/train", {"name": "plain-words", "settings": {"epochs": 1}}, code=201)
        until(lambda: studio.get("/jobs")["rows"][0]["state"] == "done", "the training")
        yield studio


@pytest.mark.parametrize("look", LOOKS)
def test_every_view(studio: Studio, tabs: Callable[..., Tab], look: str) -> None:
    tab = tabs(**LOOKS[look])
    tab.open(studio)
    found: list[str] = []
    for name, show in STATES.items():
        show(tab, studio)
        found += [f"{name}: {fault}" for fault in axe.faults(tab)]
        if "phone" in look and tab.page.evaluate("document.documentElement.scrollWidth") > 390:
            found.append(f"{name}: scrolls sideways")
        tab.page.keyboard.press("Escape")
    assert not found, "\n".join(found)
    tab.fine()


def steered(studio: Studio) -> str:
    """The conversation about bees."""
    [row] = studio.get("/traces", text="bees")["rows"]
    return f"#/steer/{row['id']}"


def composer(tab: Tab, studio: Studio) -> None:
    tab.go("#/steer")
    expect(tab.page.get_by_role("heading", name="What should the model write?")).to_be_visible()
    for part in tab.page.locator("main details > summary:visible").all():
        part.click()


def answer(tab: Tab, studio: Studio) -> None:
    tab.go(steered(studio))
    expect(tab.page.locator("mc-answer .t").first).to_be_visible()


def correction(tab: Tab, studio: Studio) -> None:
    answer(tab, studio)
    tab.page.locator("mc-answer .t[data-depth='4']").click()
    line = tab.page.get_by_role("textbox", name="Correction")
    expect(line).to_be_focused()
    line.press_sequentially("with their tongues")
    line.press("Alt+r")


def branches(tab: Tab, studio: Studio) -> None:
    answer(tab, studio)
    _beside(tab.page)
    tab.page.get_by_role("tab", name="Branches").click()


def settings(tab: Tab, studio: Studio) -> None:
    answer(tab, studio)
    _beside(tab.page)
    tab.page.get_by_role("tab", name="Settings").click()


def _beside(page: Page) -> None:
    more = page.get_by_role("button", name="Steers and branches")
    if more.get_attribute("aria-expanded") != "true":
        more.click()


def missing(tab: Tab, studio: Studio) -> None:
    with tab.expecting(r"answered: 404 .*", r"console: .* 404 .*"):
        tab.go("#/steer/no-such-conversation")
        expect(tab.page.get_by_role("main")).to_contain_text("no-such-conversation")


def review(tab: Tab, studio: Studio) -> None:
    tab.go("#/review")
    expect(tab.page.get_by_role("grid", name="Steers")).to_contain_text("Lightning is so hot")


def train(tab: Tab, studio: Studio) -> None:
    tab.go("#/train")
    expect(tab.page.get_by_role("button", name="Start training")).to_be_enabled()


def job(tab: Tab, studio: Studio) -> None:
    tab.go("#/train/1")
    expect(tab.page.locator("main .js-plotly-plot, main svg.main-svg").first).to_be_visible()


def compared(tab: Tab, studio: Studio) -> None:
    tab.go("#/compare?right=plain-words")
    tab.page.get_by_role("textbox", name="Prompt 1").fill("Why is the sky blue?")
    tab.page.get_by_role("spinbutton", name="Tokens at most").fill("8")
    tab.page.get_by_role("button", name="Compare", exact=True).click()
    expect(tab.page.get_by_role("status").filter(has_text="1 prompt").first).to_be_visible()


def data(tab: Tab, studio: Studio) -> None:
    tab.go("#/data")
    expect(tab.page.get_by_role("button", name="Export everything")).to_be_visible()


def keys(tab: Tab, studio: Studio) -> None:
    data(tab, studio)
    tab.page.keyboard.press("?")
    expect(tab.page.get_by_role("dialog")).to_be_visible()


def preferences(tab: Tab, studio: Studio) -> None:
    data(tab, studio)
    tab.page.keyboard.press(",")
    expect(tab.page.get_by_role("dialog")).to_be_visible()


def adapters(tab: Tab, studio: Studio) -> None:
    data(tab, studio)
    tab.page.get_by_role("button", name="Model ").click()
    expect(tab.page.get_by_role("dialog", name="Model and adapter")).to_be_visible()


STATES: dict[str, Callable[[Tab, Studio], None]] = {
    "composer": composer,
    "answer": answer,
    "correction": correction,
    "branches": branches,
    "settings": settings,
    "missing": missing,
    "review": review,
    "train": train,
    "job": job,
    "compared": compared,
    "data": data,
    "keys": keys,
    "preferences": preferences,
    "adapters": adapters,
}
