"""The page around the answer: conversations are begun, found, and kept through reloads and a server that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.studio.browser.process import Studio
from tests.studio.browser.tab import OFFLINE, Tab
from tests.waiting import until


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(model, tmp_path_factory.mktemp("studio")) as studio:
        yield studio


def begin(tab: Tab, prompt: str) -> str:
    """Start a conversation with the keyboard; its id."""
    tab.page.get_by_label("Prompt", exact=True).fill(prompt)
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("mc-answer-view")).to_be_visible()
    return tab.route.removeprefix("/steer/")


def test_a_conversation_is_begun_with_all_that_can_be_set(studio: Studio, tab: Tab) -> None:
    tab.open(studio)
    page = tab.page
    page.get_by_text("How it writes").click()
    page.get_by_label("Temperature").fill("-1")
    page.get_by_label("Prompt", exact=True).fill("third")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("A number from 0 to 100")).to_be_visible()
    page.get_by_label("Temperature").fill("0.7")
    page.get_by_label("Seed").fill("11")
    page.get_by_label("Tokens at a time").fill("4")
    page.locator("summary", has_text="System prompt").click()
    page.get_by_label("System prompt", exact=True).fill("Be short.")
    page.locator("summary", has_text="Tags").click()
    page.get_by_label("Tags, separated by commas").fill("cards, toml, cards")
    for text in ("first", "second"):
        page.get_by_role("button", name="Earlier turn").click()
        page.keyboard.type(text)
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("mc-answer-view")).to_be_visible()
    id_ = tab.route.removeprefix("/steer/")
    until(lambda: studio.trace(id_).spans, "the first span")
    trace = studio.trace(id_)
    said = [(message["role"], message["content"]) for message in trace.messages]
    assert said == [("system", "Be short."), ("user", "first"), ("assistant", "second"), ("user", "third")]
    assert sorted(trace.tags) == ["cards", "toml"]
    sampling = studio.get(f"/traces/{id_}")["sampling"]
    assert (sampling["temperature"], sampling["seed"], sampling["max_tokens"]) == (0.7, 11, 4)


def test_what_is_typed_survives_a_reload_and_a_server_that_is_gone(studio: Studio, tab: Tab) -> None:
    tab.open(studio)
    page = tab.page
    page.get_by_label("Prompt", exact=True).fill("Keep this, please: é 👩‍🚀")
    page.reload()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Keep this, please: é 👩‍🚀")
    with tab.expecting(*OFFLINE):
        studio.kill()
        expect(page.locator("mc-connection-bar")).to_be_visible()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("region", name="Notices").get_by_text("“Start” was not done")).to_be_visible()
        studio.start()
        expect(page.locator("mc-connection-bar")).to_be_hidden()
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("mc-answer-view")).to_be_visible()
    assert studio.trace(tab.route.removeprefix("/steer/")).messages[-1]["content"] == "Keep this, please: é 👩‍🚀"
    page.keyboard.press("c")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")


def test_conversations_are_found_from_the_keyboard(studio: Studio, tab: Tab) -> None:
    tab.open(studio)
    ids = []
    for prompt in ("about zebras", "about yaks"):
        ids.append(begin(tab, prompt))
        tab.page.keyboard.press("c")
    rows = tab.page.locator("mc-trace-rows li")
    tab.page.keyboard.press("Escape")
    tab.page.locator("main").focus()
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("zebra")
    expect(rows).to_have_count(1)
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("mc-answer-view")).to_be_visible()
    assert tab.route == f"/steer/{ids[0]}"
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("no such thing")
    expect(tab.page.locator("mc-trace-rows").get_by_text("No conversation is like that.")).to_be_visible()
    tab.page.get_by_role("button", name="Show all").click()
    expect(rows.filter(has_text="about yaks")).to_have_count(1)
    tab.page.get_by_role("button", name="Filter").click()
    tab.page.get_by_role("radio", name="With steers").check(force=True)
    expect(tab.page.get_by_role("button", name="Without filter With steers")).to_be_visible()


def test_keys_and_theme_are_changed_and_kept(studio: Studio, tab: Tab) -> None:
    tab.open(studio)
    page = tab.page
    page.locator("main").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_role("button", name="Show or hide the conversations").click()
    page.keyboard.press("h")
    expect(page.get_by_role("button", name="Show or hide the conversations: h. Change")).to_be_visible()
    page.keyboard.press("Escape")
    list_ = page.get_by_role("navigation", name="Conversations")
    expect(list_).to_be_visible()
    page.locator("main").focus()
    page.keyboard.press("h")
    expect(list_).to_be_hidden()
    page.keyboard.press("\\")
    page.keyboard.press(",")
    page.get_by_role("radio", name="Dark").check(force=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    until(lambda: studio.get("/preferences")["theme"] == "dark", "keeping the theme")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert studio.get("/preferences")["keys"] == {"list": "h"}


def test_the_lesson_can_be_skipped_and_shown_again(studio: Studio, tab: Tab) -> None:
    tab.open(studio)
    lesson = tab.page.get_by_role("region", name="First lesson")
    expect(lesson.get_by_text("Let the model write.")).to_be_visible()
    lesson.get_by_role("button", name="Skip").click()
    expect(lesson).to_be_hidden()
    until(lambda: studio.get("/preferences")["taught"], "keeping that it was skipped")
    tab.page.get_by_role("button", name="Preferences").click()
    tab.page.get_by_role("button", name="Show the lesson again").click()
    expect(lesson).to_be_visible()


def test_on_a_phone_the_list_is_a_drawer(studio: Studio, tabs) -> None:
    tab = tabs(width=390, height=844, has_touch=True, is_mobile=True)
    tab.open(studio)
    list_ = tab.page.get_by_role("navigation", name="Conversations")
    expect(list_).to_be_hidden()
    tab.page.get_by_role("button", name="Conversations").tap()
    expect(list_).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(list_).to_be_hidden()
    tab.page.get_by_role("button", name="Conversations").tap()
    list_.get_by_role("link").first.tap()
    expect(tab.page.locator("mc-answer-view")).to_be_visible()
    expect(list_).to_be_hidden()
    wide = tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
