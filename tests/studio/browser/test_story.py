"""A person's afternoon with the bundled model, each step checked against what is on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from midcourse import models
from midcourse.trace.text import Tokenizer
from tests.studio.browser.process import Studio
from tests.studio.browser.steering import Steering, begin
from tests.studio.browser.tab import OFFLINE, Tab
from tests.waiting import until

pytestmark = [pytest.mark.model, pytest.mark.slow]
ENDLESS = {"max_tokens": 1500, "temperature": 1.5, "seed": 1}  # it never comes to an end by itself
WHOLE = 170  # tokens: nearly all that the model has to say


@pytest.fixture(scope="module")
def studio(bundled_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio("bundled", tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@pytest.fixture(scope="module")
def tokenizer(bundled_path: Path) -> Tokenizer:
    return models.load_tokenizer("bundled")


@pytest.fixture
def view(studio: Studio, tab: Tab, tokenizer: Tokenizer) -> Steering:
    tab.open(studio)
    return Steering(tab, studio, tokenizer)


def test_it_streams_and_stops(view: Steering, studio: Studio) -> None:
    view.watch(begin(studio, go_on=False, **ENDLESS))
    view.bar.get_by_role("button", name="Stop").click()
    expect(view.bar).to_contain_text("Stopped")
    view.agree()
    count = view.tokens.count()
    assert 0 < count < ENDLESS["max_tokens"]
    view.bar.get_by_role("button", name="Go on").click()
    view.writing()
    view.page.keyboard.press("Escape")
    view.agree()
    assert view.tokens.count() > count
    assert {span.source for span in view.stored().spans} == {"model"}


def test_a_steer_by_text_while_the_model_writes(view: Steering, studio: Studio) -> None:
    """Pointing at a token of what is being written, typing, Enter: kept, and the model goes on from there."""
    view.watch(begin(studio, go_on=False, max_tokens=WHOLE))
    depth = view.find(" process called")
    view.writing()
    view.token(depth).click()
    expect(view.line).to_be_focused()
    view.page.keyboard.type("simple thing:")
    view.page.keyboard.press("Enter")
    expect(view.bar).to_contain_text("Reused")
    steer = view.steer()
    assert steer.chosen is not None
    expect(view.token(steer.chosen.stop)).to_be_attached()  # the model went on
    view.page.keyboard.press("Escape")
    view.agree()
    trace = view.stored()
    assert steer.chosen.start == depth
    assert view.decoded(trace.run_ids(steer.chosen)) == " simple thing:"
    assert trace.spans[steer.chosen.span].source == "human"
    [rejected] = steer.rejected
    assert view.decoded(trace.run_ids(rejected)).startswith(" process called")
    assert view.text().startswith("The sky is blue because of a simple thing:")
    assert trace.depth(trace.head) > steer.chosen.stop


def test_a_steer_by_pick(view: Steering, studio: Studio) -> None:
    """The model finds "longer" likeliest, 31 %, and it is wrong; the third alternative is right."""
    view.watch(begin(studio, go_on=False))
    view.agree()
    depth = view.find(" longer")
    view.token(depth).click()
    third = view.page.get_by_role("group", name="What could stand here").get_by_role("button").nth(2)
    expect(third).to_contain_text("shorter")
    view.page.keyboard.press("3")
    view.find("Blue light has shorter wavelengths")
    view.agree()
    trace, steer = view.stored(), view.steer()
    assert steer.chosen is not None
    assert (steer.chosen.start, steer.chosen.stop) == (depth, depth + 1)
    assert view.decoded(trace.run_ids(steer.chosen)) == " shorter"


def test_undo_redo_again_and_siblings(view: Steering, studio: Studio) -> None:
    """Nothing is destroyed: every way that the answer ever took can be taken again."""
    view.watch(begin(studio, go_on=False, temperature=0.8, seed=3, max_tokens=25))
    view.agree()
    ways = [view.text()]
    view.changes(lambda trace: trace.head, view.page.get_by_role("button", name="Write again from here").click)
    view.agree()
    ways.append(view.text())
    assert ways[0] != ways[1]
    assert len(view.stored().spans) >= 2
    view.changes(lambda trace: trace.cursor, view.page.get_by_role("button", name="Undo").click)
    view.agree()
    undone = view.stored()
    view.changes(lambda trace: trace.cursor, view.page.get_by_role("button", name="Redo").click)
    view.agree()
    assert view.text() == ways[1]
    assert undone.spans == view.stored().spans
    view.page.keyboard.press("[")
    until(lambda: view.text() == ways[0], "the first way")
    view.agree()
    view.page.keyboard.press("]")
    until(lambda: view.text() == ways[1], "the second way")
    view.agree()
    assert view.stored().spans == undone.spans


def test_an_end_and_a_mark(view: Steering, studio: Studio) -> None:
    view.watch(begin(studio, go_on=False))
    view.agree()
    depth = view.find(" When sunlight")
    view.token(depth).click()
    view.changes(lambda trace: len(trace.steers), view.page.get_by_role("button", name="Should have ended here").click)
    view.agree()
    assert view.text().replace("⟨end⟩", "") == "The sky is blue because of a process called scattering."
    assert (view.steer().ends, view.steer().start) == (True, depth)
    view.token(view.find(" process")).click()
    view.changes(lambda trace: len(trace.steers), view.page.get_by_role("button", name="Mark only").click)
    assert (view.steer().chosen, view.steer().start) == (None, view.find(" process"))


def test_a_reload_in_mid_stream_goes_on(view: Steering, studio: Studio) -> None:
    view.watch(begin(studio, go_on=False, **ENDLESS))
    before = view.text()
    view.page.reload()
    view.writing()
    assert view.text().startswith(before)
    view.page.keyboard.press("Escape")
    view.agree()
    assert studio.get(f"/traces/{view.id}")["run"]["ended"] == "stopped"


def test_a_closed_tab_stops_its_model(studio: Studio, tabs: Callable[..., Tab], tokenizer: Tokenizer) -> None:
    view = Steering(tabs(), studio, tokenizer)
    view.tab.open(studio)
    view.watch(begin(studio, go_on=False, **ENDLESS))
    id = view.id
    view.tab.page.close()
    until(lambda: studio.get(f"/traces/{id}")["run"]["ended"] == "left", "stopping", lambda: True)


def test_two_tabs_agree(studio: Studio, tabs: Callable[..., Tab], tokenizer: Tokenizer) -> None:
    """Both see the same words come, whoever stops them, and a steer of one is seen by the other."""
    one = Steering(tabs(), studio, tokenizer)
    two = Steering(tabs(), studio, tokenizer)
    id = begin(studio, go_on=False, **ENDLESS)
    for view in (one, two):
        view.tab.open(studio)
    two.open(id)
    one.watch(id)
    two.writing()
    two.page.keyboard.press("Escape")
    one.agree()
    two.agree()
    one.token(2).click()
    one.page.keyboard.type("looks")
    one.page.keyboard.press("Shift+Enter")
    two.writing()
    one.page.keyboard.press("Escape")
    two.agree()
    one.agree()
    assert " looks" in two.text()
    assert not two.stored().steers  # "Only go on" trains nothing


def test_the_server_is_started_again(view: Steering, studio: Studio) -> None:
    """The page waits for it, and is there again by itself, with a correction that was being typed meanwhile."""
    view.tab.allow(*OFFLINE)
    view.watch(begin(studio, go_on=False))
    view.agree()
    view.page.evaluate("window.stillTheSame = true")
    before = view.text()
    view.token(4).click()
    view.page.keyboard.type("as everybody")
    studio.kill()
    view.page.keyboard.press("Enter")
    expect(view.page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    studio.start()
    view.tab.connected()
    expect(view.line).to_have_text("as everybody")
    view.page.keyboard.press("Enter")
    view.agree()
    assert view.page.evaluate("window.stillTheSame")
    steer = view.steer()
    assert steer.chosen is not None
    assert view.decoded(view.stored().run_ids(steer.chosen)) == " as everybody"
    assert view.text() != before
