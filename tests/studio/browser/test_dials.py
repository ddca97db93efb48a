"""Dials on the page, in a real browser: asked for, changed, unset, by keyboard and by touch; what a steer serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.studio.browser import axe
from tests.studio.browser.tab import Tab
from tests.studio.running import TOKEN, Running
from tests.studio.test_adapters import add, use
from tests.trained import with_dials
from tests.waiting import until

PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


@pytest.fixture
def dials(studio: Running, model: Path) -> Running:
    """With an adapter that can be asked for attributes, and is on, and one that cannot."""
    add(studio, "plain", model, seed=1)
    with_dials(add(studio, "dials", model, seed=2), model)
    use(studio, "dials")
    kept = studio.client.get("/api/preferences").json()
    studio.client.put("/api/preferences", json={**kept, "taught": True}).raise_for_status()
    return studio


@pytest.fixture
def page(dials: Running, tab: Tab) -> Iterator[Page]:
    yield opened(dials, tab)
    tab.fine()


def opened(studio: Running, tab: Tab) -> Page:
    tab.page.goto(f"{studio.url}/?token={TOKEN}")
    expect(tab.page.get_by_role("heading", name="What should the model write?")).to_be_visible()
    return tab.page


def slider(within: Page | Locator, name: str) -> Locator:
    return within.get_by_role("slider", name=name)


def started(page: Page, prompt: str = "Why?") -> str:
    """Begin, and wait until the model has written what it writes; returns the conversation's id."""
    page.get_by_text("How it writes").click()
    page.get_by_label("Tokens at a time").fill("12")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Start", exact=True).click()
    return idle(page)


def idle(page: Page) -> str:
    expect(page.locator("mc-answer .t").first).to_be_visible()
    expect(page.locator("mc-answer-bar:not([data-writing])")).to_be_visible()
    return page.url.rpartition("/")[2]


def answered(page: Page, before: str) -> str:
    """The id of the conversation that comes after `before`."""
    page.wait_for_url(lambda url: "#/steer/" in url and not url.endswith(before))
    return idle(page)


def asked(page: Page) -> Locator:
    return page.get_by_role("list", name="Asked for").get_by_role("listitem")


def test_what_is_asked_for_with_the_keyboard(dials: Running, page: Page) -> None:
    verbosity, helpfulness = slider(page, "Verbosity"), slider(page, "Helpfulness")
    expect(verbosity).to_have_attribute("aria-valuetext", "any")
    expect(slider(page, "Guidance γ")).to_be_disabled()
    verbosity.press("ArrowLeft")
    expect(verbosity).to_have_attribute("aria-valuetext", "1 of 0 to 4")
    helpfulness.press("End")
    expect(helpfulness).to_have_attribute("aria-valuetext", "4, just what was needed")
    slider(page, "Coherence").press("Space")
    expect(slider(page, "Coherence")).to_have_attribute("aria-valuetext", "2 of 0 to 4")
    slider(page, "Coherence").press("Delete")
    expect(slider(page, "Coherence")).to_have_attribute("aria-valuetext", "any")
    slider(page, "Guidance γ").press("ArrowRight")
    page.reload()  # what was set is kept until it is sent
    expect(verbosity).to_have_attribute("aria-valuetext", "1 of 0 to 4")
    id = started(page)
    assert dials.services.store.get(id).attributes == {"helpfulness": 4, "verbosity": 1}
    expect(asked(page)).to_have_text(["helpfulness 4", "verbosity 1", "γ 1.25"])
    assert dials.client.get(f"/api/traces/{id}").json()["sampling"]["guidance"] == 1.25
    row = page.locator("mc-trace-rows li").first
    expect(row).to_contain_text("helpfulness 4 · verbosity 1")


def test_other_dials_make_another_answer(dials: Running, page: Page) -> None:
    slider(page, "Verbosity").press("Home")
    first = started(page)
    page.keyboard.press("d")
    other = page.get_by_role("group", name="Other dials")
    expect(slider(other, "Helpfulness")).to_be_focused()
    expect(slider(other, "Verbosity")).to_have_attribute("aria-valuetext", "0, as short as can be")
    again = other.get_by_role("button", name="Answer again")
    expect(again).to_be_disabled()
    slider(other, "Verbosity").press("End")
    expect(page.locator("mc-answer .t.stands")).to_have_count(0)  # the key was the slider's
    again.click()
    second = answered(page, first)
    expect(asked(page)).to_have_text(["verbosity 4"])
    kept = [dials.services.store.get(id) for id in (first, second)]
    assert [trace.attributes for trace in kept] == [{"verbosity": 0}, {"verbosity": 4}]
    assert kept[0].messages == kept[1].messages
    page.keyboard.press("d")
    other.get_by_role("button", name="Verbosity: any").click()
    expect(slider(other, "Verbosity")).to_be_focused()
    slider(other, "Verbosity").press("Enter")
    third = answered(page, second)
    expect(asked(page)).to_have_text(["Nothing asked for"])
    assert dials.services.store.get(third).attributes == {}
    page.keyboard.press("d")
    expect(other).to_be_visible()
    page.keyboard.press("Escape")
    expect(other).to_be_hidden()
    expect(page.get_by_role("button", name="Other dials")).to_be_focused()


def test_the_next_answer(dials: Running, page: Page) -> None:
    slider(page, "Verbosity").press("ArrowRight")
    first = started(page)
    box = page.get_by_label("Accept this answer and say the next thing")
    box.fill("And?")
    box.press("Enter")
    second = answered(page, first)
    assert dials.services.store.get(second).attributes == {"verbosity": 3}
    page.get_by_text("Dials of the next answer").click()
    slider(page.locator("mc-next-turn"), "Verbosity").press("Delete")
    slider(page.locator("mc-next-turn"), "Complexity").press("Home")
    box.fill("And then?")
    box.press("Enter")
    third = answered(page, second)
    assert dials.services.store.get(third).attributes == {"complexity": 0}


def test_side_by_side(page: Page) -> None:
    slider(page, "Verbosity").press("Home")
    started(page)
    page.keyboard.press("d")
    other = page.get_by_role("group", name="Other dials")
    slider(other, "Verbosity").press("End")
    slider(other, "Guidance γ").press("ArrowRight")
    other.get_by_role("link", name="Compare side by side").click()
    left, right = (page.get_by_role("group", name=f"Asked of the {side}") for side in ("left", "right"))
    expect(slider(left, "Verbosity")).to_have_attribute("aria-valuetext", "0, as short as can be")
    expect(slider(right, "Verbosity")).to_have_attribute("aria-valuetext", "4, exhaustive")
    page.get_by_label("Tokens at most").fill("8")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("1 prompt answered by both", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="dials · verbosity 0")).to_be_visible()
    expect(page.get_by_role("region", name="dials · verbosity 4 · γ 1.25")).to_be_visible()
    slider(right, "Verbosity").press("Home")
    slider(right, "Guidance γ").press("ArrowLeft")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="Both sides are the same")).to_be_visible()
    page.get_by_label("Right", exact=True).select_option("plain")
    expect(right).to_be_hidden()


def test_a_model_without_dials_shows_none(dials: Running, page: Page) -> None:
    expect(page.get_by_text("Dials", exact=True)).to_be_visible()
    slider(page, "Verbosity").press("Home")
    use(dials, "plain")
    expect(page.get_by_text("Dials", exact=True)).to_be_hidden()
    id = started(page)
    assert dials.services.store.get(id).attributes == {}
    expect(page.locator("mc-asked")).to_be_hidden()
    page.keyboard.press("d")
    expect(page.get_by_role("group", name="Other dials")).to_be_hidden()
    use(dials, "dials")
    expect(page.get_by_role("button", name="Other dials")).to_be_visible()


def test_answers_are_found_by_what_was_asked(dials: Running, page: Page) -> None:
    for value in ("Home", "End"):
        slider(page, "Verbosity").press(value)
        started(page, value)
        page.keyboard.press("c")
    rows = page.locator("mc-trace-rows li")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Asked for").select_option("verbosity")
    page.get_by_label("With the value").select_option("4")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("verbosity 4")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Without filter verbosity 4").click()
    expect(rows).to_have_count(2)


def test_a_steer_says_what_it_serves(dials: Running, page: Page) -> None:
    id = started(page)
    page.locator("mc-answer .t[data-depth='3']").click()
    line = page.get_by_role("textbox", name="Correction")
    line.press_sequentially("shorter")
    line.press("Alt+s")
    expect(page.get_by_role("button", name="helpfulness", exact=True)).to_be_focused()
    chip = page.get_by_role("button", name="verbosity", exact=True)
    chip.press("Space")
    expect(chip).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Keep as steer").click()
    expect(page.get_by_text("1 steer trains")).to_be_visible()
    idle(page)
    assert dials.services.store.get(id).steers[0].serves == ("verbosity",)
    page.keyboard.press("Escape")
    page.locator("mc-answer").get_by_role("group").first.focus()
    page.keyboard.press("s")
    beside = page.locator("mc-side-panel")
    expect(beside.get_by_role("button", name="helpfulness", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(beside.get_by_role("button", name="helpfulness", exact=True)).to_have_attribute("aria-pressed", "true")
    until(lambda: dials.services.store.get(id).steers[0].serves == ("verbosity", "helpfulness"), "keeping it")
    page.keyboard.press("Alt+2")
    grid = page.get_by_role("grid", name="Steers")
    expect(grid.locator(".cell.serves .chip")).to_have_text(["verbosity", "helpfulness"])
    page.get_by_label("Serves", exact=True).select_option("helpfulness")
    expect(page.get_by_text("1 steer like that")).to_be_visible()
    grid.locator(".body .row").first.focus()
    page.keyboard.press("s")
    field = page.get_by_label("Attributes that it serves, separated by commas")
    field.fill("complexity")
    field.press("Enter")
    expect(grid.locator(".cell.serves .chip")).to_have_text(["complexity"])
    until(lambda: dials.services.store.get(id).steers[0].serves == ("complexity",), "keeping it")


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_nothing_stands_in_the_way(dials: Running, tabs: Callable[..., Tab], look: dict[str, object]) -> None:
    """axe-core finds nothing, nothing scrolls sideways, and a tap sets a dial."""
    tab = tabs(**look)
    page = opened(dials, tab)
    tap = slider(page, "Verbosity").tap if "has_touch" in look else slider(page, "Verbosity").click
    tap()  # in its middle, where the hollow one stands
    expect(slider(page, "Verbosity")).to_have_attribute("aria-valuetext", "2 of 0 to 4")
    found = [f"new: {fault}" for fault in axe.faults(tab)]
    started(page)
    page.get_by_role("button", name="Other dials").click()
    slider(page.get_by_role("group", name="Other dials"), "Verbosity").press("End")
    page.get_by_text("Dials of the next answer").click()
    found += [f"answer: {fault}" for fault in axe.faults(tab)]
    page.get_by_role("link", name="Compare side by side").click()
    expect(page.get_by_role("group", name="Asked of the left")).to_be_visible()
    found += [f"compare: {fault}" for fault in axe.faults(tab)]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not found, "\n".join(found)
