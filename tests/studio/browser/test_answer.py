"""The answer in a real browser: what one points at and types is exactly what the store gets, and nothing typed is lost.

A tiny random model; the answers are written by hand, so that their words are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.studio.browser.tab import Tab
from tests.studio.running import TOKEN, Running
from tests.waiting import until

WALK = "We went for a walk by the sea. It was lovely and warm.\n\nThe end of it 🎉 came soon."


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("studio") / "traces.db") as running:
        yield running


class Answer:
    """A conversation on the page."""

    def __init__(self, studio: Running, tab: Tab, id: str) -> None:
        self.studio, self.tab, self.id = studio, tab, id
        tab.page.goto(f"{studio.url}/?token={TOKEN}")
        tab.go(f"/steer/{id}")
        expect(self.text).to_have_text(self.stored, use_inner_text=False)

    @property
    def page(self) -> Page:
        return self.tab.page

    @property
    def text(self) -> Locator:
        return self.page.locator("mc-answer .answer")

    @property
    def line(self) -> Locator:
        return self.page.get_by_role("textbox", name="Correction")

    @property
    def keys(self) -> Callable[[str], None]:
        return self.page.keyboard.press

    def token(self, text: str) -> Locator:
        """The first token of which `text` is a part, or that begins it, once the page shows what is stored."""
        shown = self.page.locator(".answer .t[data-depth]")
        until(lambda: "".join(shown.all_text_contents()) == self.stored, "showing what is stored")
        at = self.depth(text)
        return self.page.locator(f'.answer .t[data-depth="{at}"]')

    def depth(self, text: str) -> int:
        """The depth of the token at which `text` begins."""
        tokens = [token["text"] for token in self.trace["tokens"]]
        start = "".join(tokens).index(text)
        return next(depth for depth in range(len(tokens)) if len("".join(tokens[: depth + 1])) > start)

    @property
    def trace(self) -> dict[str, Any]:
        found: dict[str, Any] = self.studio.client.get(f"/api/traces/{self.id}").json()
        return found

    @property
    def stored(self) -> str:
        return "".join(token["text"] for token in self.trace["tokens"])

    def steers(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are so many."""
        found: list[dict[str, Any]] = until(
            lambda: len(steers := self.trace["steers"]) == count and steers, "the steer"
        )
        return found


def write(studio: Running, text: str) -> str:
    """A conversation whose answer a person has written; the model writes one token at a time in it."""
    sampling = {"temperature": 0.0, "max_tokens": 1}
    body = {"messages": [{"role": "user", "content": "How was it?"}], "sampling": sampling, "go_on": False}
    done = studio.client.post("/api/traces", json=body).raise_for_status().json()
    put = {"version": done["version"], "action": "write", "depth": 0, "text": text, "go_on": False}
    studio.client.post(f"/api/traces/{done['trace']}/steer", json=put).raise_for_status()
    return str(done["trace"])


def bounds(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box is not None
    return box


@pytest.fixture
def answer(studio: Running, tab: Tab) -> Answer:
    return Answer(studio, tab, write(studio, WALK))


def test_walking_opening_and_closing_changes_nothing(answer: Answer) -> None:
    before = answer.trace
    answer.keys("Home")
    expect(answer.token("We")).to_be_focused()
    answer.keys("ArrowRight")
    answer.keys("ArrowLeft")
    answer.keys("ArrowDown")
    expect(answer.page.locator(".t.stands")).to_be_focused()
    answer.keys("Enter")
    expect(answer.line).to_be_focused()
    assert answer.page.locator(".t.struck").count() > 0
    answer.page.keyboard.type("away")
    answer.keys("Escape")
    expect(answer.line).to_have_count(0)
    expect(answer.page.locator(".t.stands")).to_be_focused()
    assert answer.page.locator(".t.struck").count() == 0
    assert answer.trace == before


def test_a_word_is_typed_without_its_space(answer: Answer) -> None:
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull")
    expect(answer.page.locator("mc-correction .says")).to_contain_text("Trains “␣dull”, not “lovely")
    answer.keys("Enter")
    answer.steers(1)
    assert answer.stored.startswith("We went for a walk by the sea. It was dull")
    expect(answer.line).to_have_count(0)
    expect(answer.text).to_be_focused()


def test_backspace_joins(answer: Answer) -> None:
    answer.token(" by the").click()
    answer.keys("Backspace")
    answer.page.keyboard.type("ing")
    answer.keys("Enter")
    answer.steers(1)
    assert answer.stored.startswith("We went for a walking")


def test_digits_take_alternatives_until_they_are_wanted(answer: Answer) -> None:
    answer.token(" lovely").click()
    second = answer.page.locator("mc-alternatives button").nth(1)
    expect(second).to_be_visible()
    answer.keys("Space")
    answer.page.keyboard.type("2 degrees")
    answer.keys("Enter")
    answer.steers(1)
    assert " It was 2 degrees" in answer.stored
    expect(answer.text).to_be_focused()
    answer.keys("Home")
    answer.keys("Enter")
    expect(second).to_be_visible()
    answer.keys("2")
    [_, picked] = answer.steers(2)
    assert (picked["kind"], picked["start"]) == ("correction", 0)


def test_what_is_typed_over_lines_and_pasted_is_exact(answer: Answer) -> None:
    answer.token("The end").click()
    answer.page.keyboard.type("First")
    answer.keys("Control+Enter")
    answer.page.keyboard.type("  second é")
    answer.page.evaluate(
        """() => { const dataTransfer = new DataTransfer(); dataTransfer.setData("text/plain", "\\n\\ta <b>🎉</b>\\n");
        const pasted = { inputType: "insertFromPaste", dataTransfer, bubbles: true, cancelable: true };
        document.querySelector("mc-correction .typed").dispatchEvent(new InputEvent("beforeinput", pasted)) }"""
    )
    answer.page.keyboard.type("x")
    answer.keys("Backspace")
    answer.keys("Enter")
    answer.steers(1)
    assert "\n\nFirst\n  second é\n\ta <b>🎉</b>\n" in answer.stored


def test_only_what_was_wrong_is_rejected(answer: Answer) -> None:
    at = answer.depth(" lovely")
    answer.token(" lovely").click()
    answer.keys("Shift+ArrowRight")
    answer.keys("Shift+ArrowRight")
    expect(answer.page.locator(".t.struck")).to_have_count(2)
    handle = answer.page.get_by_role("slider", name="End of what is rejected")
    expect(handle).to_have_attribute("aria-valuenow", "2")
    box, to = bounds(handle), bounds(answer.token(" warm"))
    answer.page.mouse.move(box["x"] + 1, box["y"] + 8)
    answer.page.mouse.down()
    answer.page.mouse.move(to["x"] + 2, to["y"] + to["height"] / 2, steps=4)
    answer.page.mouse.up()
    stop = answer.depth(" warm")
    expect(handle).to_have_attribute("aria-valuenow", str(stop - at))
    answer.line.focus()
    answer.page.keyboard.type("dull")
    answer.keys("Enter")
    [steer] = answer.steers(1)
    assert steer["rejected_stop"] == stop


def test_reason_and_tags_go_with_it_and_can_be_changed(answer: Answer) -> None:
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull")
    answer.keys("Alt+r")
    answer.page.keyboard.type("too sweet")
    answer.keys("Alt+t")
    answer.page.keyboard.type("tone, mood")
    answer.keys("Enter")
    [steer] = answer.steers(1)
    assert (steer["reason"], steer["tags"]) == ("too sweet", ["tone", "mood"])
    expect(answer.page.locator("mc-trace-steers li")).to_have_count(1)
    expect(answer.text).to_be_focused()
    answer.keys("r")
    reason = answer.page.locator("mc-trace-steers").get_by_label("Reason", exact=True)
    expect(reason).to_be_focused()
    reason.fill("kitsch")
    until(lambda: answer.trace["steers"][0]["reason"] == "kitsch", "the change")
    answer.page.get_by_role("button", name="Set aside").click()
    until(lambda: answer.trace["steers"][0]["aside"], "setting aside")
    expect(answer.page.get_by_text("set aside: not trained on")).to_be_visible()


def test_marks_ends_and_only_going_on(answer: Answer) -> None:
    answer.token(" warm").click()
    answer.keys("Alt+m")
    [mark] = answer.steers(1)
    assert mark["kind"] == "mark"
    expect(answer.line).to_have_count(0)
    expect(answer.token(" warm")).to_be_focused()
    answer.token("\n\nThe").click()
    answer.page.keyboard.type("Only")
    answer.keys("Shift+Enter")
    until(lambda: "warm. Only" in answer.stored, "going on")
    assert len(answer.trace["steers"]) == 1
    answer.token(" Only").click()
    answer.page.get_by_role("button", name="Should have ended here").click()
    answer.steers(2)
    assert answer.trace["ended"]
    expect(answer.page.locator(".t.ends")).to_have_count(1)


def test_going_on_with_nothing_typed_writes_again(answer: Answer) -> None:
    at = answer.depth(" lovely")
    answer.token(" lovely").click()
    answer.page.get_by_role("button", name="Write again", exact=True).click()
    until(lambda: len(answer.trace["tokens"]) == at + 1, "writing again")
    assert answer.trace["steers"] == []
    expect(answer.line).to_have_count(0)
    answer.keys("i")
    expect(answer.line).to_be_focused()
    answer.page.keyboard.type("and so on")
    answer.keys("Enter")
    [steer] = answer.steers(1)
    assert (steer["kind"], steer["rejected"]) == ("insertion", [])


def test_what_is_typed_outlives_a_reload(answer: Answer) -> None:
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull and gr")
    answer.page.reload()
    expect(answer.line).to_have_text("dull and gr")
    answer.line.click()
    answer.keys("End")
    answer.page.keyboard.type("ey")
    answer.keys("Enter")
    answer.steers(1)
    assert " It was dull and grey" in answer.stored
    answer.page.reload()
    expect(answer.text).to_contain_text("dull and grey")
    expect(answer.line).to_have_count(0)


def test_what_is_typed_outlives_a_lost_server(answer: Answer) -> None:
    answer.tab.allow(r"failed: .*", r"console: Failed to load resource.*")
    found = answer.tab.lose("**/steer")
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull")
    answer.keys("Enter")
    expect(answer.page.get_by_role("alert").filter(has_text="still here")).to_be_visible()
    expect(answer.line).to_have_text("dull")
    found()
    answer.keys("Enter")
    answer.steers(1)
    assert " It was dull" in answer.stored


def test_what_is_typed_outlives_another_tab(answer: Answer) -> None:
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull")
    version = answer.trace["version"]
    put = {"version": version, "action": "correct", "depth": answer.depth(" went"), "text": " ran", "go_on": False}
    answer.studio.client.post(f"/api/traces/{answer.id}/steer", json=put).raise_for_status()
    expect(answer.page.locator("mc-correction .problem")).to_contain_text("changed before this place")
    expect(answer.line).to_have_text("dull")
    answer.keys("Enter")
    answer.steers(2)
    assert answer.stored.startswith("We dull")


def test_parts_of_characters_and_line_breaks_can_be_pointed_at(answer: Answer) -> None:
    answer.token("🎉").hover()
    expect(answer.page.locator("mc-token-card")).to_be_visible()
    answer.token("\n\n").click()
    expect(answer.line).to_be_focused()
    answer.keys("Escape")
    pieces = answer.page.locator(".t.piece")
    for number in range(pieces.count()):
        assert bounds(pieces.nth(number))["width"] >= 3
    answer.page.evaluate("getSelection().selectAllChildren(document.querySelector('.answer'))")
    copied = answer.page.evaluate(
        """() => { const copied = { clipboardData: new DataTransfer(), bubbles: true, cancelable: true };
        const event = new ClipboardEvent("copy", copied); document.querySelector(".answer").dispatchEvent(event);
        return event.clipboardData.getData("text/plain") }"""
    )
    assert copied == WALK


def test_what_does_not_change_is_not_touched(studio: Running, tab: Tab) -> None:
    """In an answer of 2,000 words a correction at its end leaves the nodes before it as they are."""
    answer = Answer(studio, tab, write(studio, "It rained.\n" * 300 + "It was lovely."))
    assert answer.page.locator(".answer .t").count() > 900
    answer.page.evaluate("document.querySelectorAll('.answer .t').forEach((node) => { node.marked = true })")
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull")
    answer.keys("Enter")
    answer.steers(1)
    expect(answer.text).to_contain_text("dull")
    fresh = answer.page.evaluate("[...document.querySelectorAll('.answer .t')].filter((node) => !node.marked).length")
    assert fresh <= 12


def test_siblings_and_abandoned_steers(answer: Answer) -> None:
    answer.token(" lovely").click()
    answer.page.keyboard.type("dull")
    answer.keys("Enter")
    answer.steers(1)
    ways = answer.page.locator(".answer .ways")
    expect(ways).to_have_text("‹2/2›")
    answer.keys("[")
    expect(answer.text).to_contain_text("lovely")
    expect(ways).to_have_text("‹1/2›")
    expect(answer.page.get_by_text("on another branch, still counts")).to_be_visible()
    answer.page.get_by_role("tab", name="Branches").click()
    answer.page.locator("mc-branches .way").nth(1).click()
    expect(answer.text).to_contain_text("dull")
    answer.keys("u")
    expect(answer.text).to_contain_text("lovely")


def test_on_a_phone_the_line_is_within_reach(studio: Running, tabs: Callable[..., Tab]) -> None:
    tab = tabs(width=390, height=844, has_touch=True, is_mobile=True)
    answer = Answer(studio, tab, write(studio, WALK))
    answer.token(" lovely").tap()
    keep = answer.page.get_by_role("button", name="Keep as steer")
    expect(keep).to_be_in_viewport()
    sheet = bounds(answer.page.locator("mc-correction"))
    assert (sheet["x"], sheet["width"], round(sheet["y"] + sheet["height"])) == (0, 390, 844)
    answer.page.keyboard.type("dull")
    keep.tap()
    answer.steers(1)
    assert " It was dull" in answer.stored
