"""Review and Data in a real browser, with thousands of steers, checked against the store. A tiny random model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from midcourse.store import Store
from tests.studio.browser.tab import Tab
from tests.studio.running import TOKEN, Running
from tests.waiting import until

ANSWERS = 1200


def line(number: int) -> dict[str, object]:
    wrong: dict[str, object] = {"rejected": f"bad {number}", "chosen": f"good {number}"}
    return {
        "id": f"a{number:04}",
        "messages": [{"role": "user", "content": f"Note {number}"}],
        "output": ["one ", wrong, " and ", {"rejected": "more", "chosen": "less", "reason": "shorter"}, " end"],
    }


def imported(studio: Running, *lines: dict[str, object]) -> None:
    text = "\n".join(map(json.dumps, lines))
    studio.client.post("/api/import", json={"name": "a.jsonl", "text": text}, timeout=300).raise_for_status()


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("studio") / "traces.db") as running:
        imported(running, *map(line, range(ANSWERS)))
        yield running


@pytest.fixture
def page(studio: Running, tab: Tab) -> Page:
    """The review view, with its first rows."""
    tab.page.goto(f"{studio.url}/?token={TOKEN}")
    tab.go("/review")
    expect(tab.page.get_by_role("row", name=re.compile("^Correction")).first).to_be_visible()
    return tab.page


def row(page: Page, index: int) -> Locator:
    """A row by its place, the first is 0; of which the text has come."""
    return page.locator(f'mc-steer-grid .row:not(.waiting)[aria-rowindex="{index + 2}"]')


def stored(studio: Running, trace: str) -> list[tuple[str | None, tuple[str, ...], float, bool]]:
    with Store.open(studio.settings.store, create=False) as store:
        return [(one.reason, tuple(one.tags), one.weight, one.aside) for one in store.get(trace).steers]


def at(page: Page) -> str | None:
    """The row that has the focus."""
    return page.evaluate(
        "() => document.activeElement.ariaRowIndex ?? document.activeElement.getAttribute('aria-rowindex')"
    )


def test_a_table_is_walked_and_changed_by_keys(studio: Running, page: Page) -> None:
    keys = page.keyboard
    keys.press("j")  # the second row: the first steer of the newest answer
    assert at(page) == "3"
    keys.press("r")
    keys.type("because")
    keys.press("Enter")
    expect(row(page, 1)).to_contain_text("because")
    assert at(page) == "3"
    keys.press("t")
    keys.type("tone, facts")
    keys.press("Enter")
    expect(row(page, 1)).to_contain_text("facts")
    keys.press("w")
    keys.type("0,5")
    keys.press("Enter")
    expect(row(page, 1)).to_contain_text("× 0.5")
    keys.press("x")
    expect(row(page, 1)).to_contain_text("set aside")
    number = int((row(page, 1).get_attribute("aria-label") or "").split("good ")[1].split("”")[0])
    until(lambda: stored(studio, f"a{number:04}")[0] == ("because", ("tone", "facts"), 0.5, True))
    keys.press("x")
    until(lambda: not stored(studio, f"a{number:04}")[0][3])
    keys.press("r")
    keys.type(" not this")
    keys.press("Escape")
    expect(row(page, 1)).not_to_contain_text("not this")


def test_what_fails_stays_typed(studio: Running, page: Page, tab: Tab) -> None:
    found = tab.lose("**/api/traces/*/steers/*")
    expect(row(page, 0)).to_be_visible()
    with tab.expecting(r"failed: .*/steers/.*", r"console: .*ERR_FAILED.*"):
        page.keyboard.press("j")
        page.keyboard.press("r")
        page.keyboard.type("mine")
        page.keyboard.press("Enter")
        expect(page.locator("mc-steer-editor .fault")).to_contain_text("Not kept")
    found()
    expect(page.get_by_role("textbox", name="Reason")).to_have_value("mine")
    page.get_by_role("textbox", name="Reason").press("Enter")
    expect(row(page, 1)).to_contain_text("mine")


def test_thousands_scroll_and_the_last_is_reached(page: Page) -> None:
    grid = page.get_by_role("grid", name="Steers")
    total = int(grid.get_attribute("aria-rowcount") or 0) - 1
    assert total >= 2 * ANSWERS
    page.keyboard.press("j")
    page.keyboard.press("End")
    expect(row(page, total - 1)).to_be_visible()
    assert at(page) == str(total + 1)
    assert page.locator("mc-steer-grid .row").count() < 60, "only what is in sight is in the document"
    page.keyboard.press("Home")
    expect(row(page, 0)).to_be_in_viewport()
    grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight / 2 }")
    expect(row(page, total // 2)).to_be_visible()
    before = row(page, total // 2).bounding_box()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert row(page, total // 2).bounding_box() == before, "nothing jumps"


def test_a_filter_is_in_the_address_and_a_steer_in_its_conversation(page: Page, tab: Tab) -> None:
    page.get_by_role("searchbox", name="Search text and reasons").fill("good 77")
    expect(page.get_by_text(re.compile(r"\d+ steers like that"))).to_be_visible()
    assert "text=good+77" in tab.route
    page.reload()
    expect(page.get_by_role("searchbox", name="Search text and reasons")).to_have_value("good 77")
    first = page.get_by_role("row", name=re.compile("^Correction: “ ?good 77")).first
    first.click()
    page.keyboard.press("Enter")
    expect(page.locator("mc-answer .answer")).to_contain_text("good 77")
    assert re.search(r"^/steer/a\d+\?steer=0$", tab.route)
    page.go_back()
    expect(page.locator("mc-steer-grid .row:focus")).to_have_count(1)
    page.get_by_role("searchbox", name="Search text and reasons").fill("no such words")
    expect(page.get_by_role("heading", name="No steer is like that")).to_be_visible()


def test_several_are_changed_at_once(studio: Running, page: Page) -> None:
    page.get_by_role("searchbox", name="Search text and reasons").fill("good 5")
    expect(page.get_by_text(re.compile(r"\d+ steers like that"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("good 5")).nth(2)).to_be_visible()
    first = row(page, 0)
    first.click()
    for key in ("Space", "Shift+ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page.get_by_text("3 steers chosen")).to_be_visible()
    page.get_by_role("combobox", name="Tags, reason, attributes or weight for all").fill("five")
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_text("3 steers chosen")).to_be_hidden()
    for index in range(3):
        expect(row(page, index)).to_contain_text("five")
    found = studio.client.get("/api/steers", params={"tag": "five"}).json()
    assert found["total"] == 3


def test_what_comes_meanwhile_is_shown(studio: Running, page: Page) -> None:
    imported(studio, line(9001))
    expect(page.get_by_role("row", name=re.compile("^Correction: “ ?good 9001"))).to_be_visible()


def test_files_come_in_and_go_out(studio: Running, page: Page, tab: Tab) -> None:
    tab.go("/data")
    good = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "output": ["Hi ", {"chosen": "there"}]})
    bad = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "output": [{"color": 1}]})
    file: FilePayload = {
        "name": "mixed.jsonl",
        "mimeType": "application/json",
        "buffer": f"{good}\nnonsense\n{bad}\n".encode(),
    }
    with tab.expecting("answered: 422 .*", "console: .*422.*"):
        page.locator("input[type=file]").set_input_files(file)
        expect(page.get_by_text("Nothing was stored: 2 faults in 2 lines.", exact=True)).to_be_visible()
    faults = page.get_by_role("list", name="Faults")
    expect(faults).to_contain_text("line 2")
    expect(faults).to_contain_text("line 3")
    page.get_by_role("button", name="Take the good line").click()
    expect(page.locator("mc-imported-file.taken")).to_contain_text("1 answer new; 2 lines left out")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export everything").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    with Store.open(studio.settings.store, create=False) as store:
        assert len(lines) == store.count().traces


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_is_wider_than_the_screen(studio: Running, tabs: Callable[..., Tab], width: int) -> None:
    tab = tabs(width=width, height=844)
    tab.page.goto(f"{studio.url}/?token={TOKEN}")
    for view in ("review", "train", "compare", "data"):
        tab.go(f"/{view}")
        expect(tab.page.locator(f"mc-{view}-view h1")).to_be_visible()
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= width, view
