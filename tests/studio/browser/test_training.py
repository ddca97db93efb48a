"""From steers to an adapter and back into the conversation, with the bundled model, each step checked on disk.

With `--pictures FOLDER`, at full length, it leaves the pictures that README and docs show.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from midcourse import models
from midcourse.trace.files import read
from midcourse.trace.text import Tokenizer
from tests.studio.browser.pictures import Pictures
from tests.studio.browser.process import Studio
from tests.studio.browser.steering import QUESTION, SYSTEM, Steering
from tests.studio.browser.tab import Tab
from tests.waiting import until

pytestmark = [pytest.mark.model, pytest.mark.slow]
ANSWERS = Path(__file__).parent / "answers.jsonl"
PAGE = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def studio(bundled_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio("bundled", tmp_path_factory.mktemp("studio")) as studio:
        kept = studio.client.put("/api/preferences", json={"taught": True, "author": "mira", "system": SYSTEM})
        assert kept.status_code == 200
        yield studio


@pytest.fixture(scope="module")
def tokenizer(bundled_path: Path) -> Tokenizer:
    return models.load_tokenizer("bundled")


@pytest.fixture(scope="module")
def pictures(request: pytest.FixtureRequest, studio: Studio) -> Pictures:
    return Pictures(request.config.getoption("--pictures"), studio.folder)


@pytest.fixture
def view(studio: Studio, tabs: Callable[..., Tab], tokenizer: Tokenizer) -> Steering:
    tab = tabs(**PAGE, reduced_motion="reduce")
    tab.open(studio)
    return Steering(tab, studio, tokenizer)


def test_steers_that_were_written_by_hand_are_dropped_in(view: Steering, studio: Studio) -> None:
    view.tab.go("#/data")
    view.page.locator("input[type=file]").set_input_files(ANSWERS)
    expect(view.page.get_by_role("region", name="Import")).to_contain_text("15")
    with studio.store() as store:
        assert (store.count().traces, store.count().steers) == (15, 31)


def test_a_conversation_is_begun_and_put_right(view: Steering, studio: Studio, pictures: Pictures) -> None:
    """The model says "longer" with 31 %; shorter is right, and the third of the likeliest."""
    page = view.page
    view.tab.go("#/steer")
    page.get_by_role("textbox", name="Prompt", exact=True).fill(QUESTION)
    pictures.take(view.tab, "new")
    page.get_by_role("button", name="Start").click()
    view.find(" rainbow")
    page.keyboard.press("Escape")
    view.agree()
    [system, user] = view.stored().messages
    assert (system["content"], user["content"]) == (SYSTEM, QUESTION)
    view.token(view.find(" longer")).click()
    expect(page.get_by_role("group", name="What could stand here").get_by_role("button").nth(2)).to_contain_text(
        "short"
    )
    pictures.take(view.tab, "correct")
    page.keyboard.press("3")
    view.find(" a small hole")
    page.keyboard.press("Escape")
    view.agree()
    view.token(view.find(" When light")).click()
    page.keyboard.type("In the evening it has a longer way to us, and we see red.", delay=1)
    pictures.take(view.tab, "type")
    page.get_by_role("button", name="Keep as steer").click()
    view.find(" we see red.")
    red = view.steer().chosen
    assert red is not None
    expect(view.token(red.stop)).to_be_attached()  # it goes on
    page.keyboard.press("Escape")
    view.agree()
    view.token(red.stop).click()
    page.get_by_role("button", name="Should have ended here").click()
    until(lambda: len(view.stored().steers) == 3, "ending it")
    view.agree()
    *steers, last = view.stored().steers
    assert last.ends
    chosen = [view.decoded(view.stored().run_ids(steer.chosen)) for steer in steers if steer.chosen]
    assert chosen == [" shorter", " In the evening it has a longer way to us, and we see red."]
    pictures.take(view.tab, "steered")
    page.get_by_role("button", name="Close the panel").click()
    pictures.phone(view.tab, "phone")


def test_steers_are_reviewed(view: Steering, studio: Studio, pictures: Pictures) -> None:
    view.tab.go("#/review?tag=made+up")
    grid = view.page.get_by_role("grid", name="Steers")
    expect(grid).to_contain_text("beehococo")
    view.page.get_by_role("button", name="Set aside").first.click()
    with studio.store() as store:
        until(lambda: sum(steer.aside for trace in store.all() for steer in trace.steers) == 1, "setting aside")
        view.page.get_by_role("button", name=re.compile("back in", re.IGNORECASE)).first.click()
        until(lambda: not any(steer.aside for trace in store.all() for steer in trace.steers), "taking back in")
    view.tab.go("#/review")
    expect(grid).to_contain_text("shorter")
    pictures.take(view.tab, "review")


def test_it_is_trained(view: Steering, studio: Studio, pictures: Pictures) -> None:
    page = view.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    view.tab.go("#/train")
    page.get_by_label("Name of the adapter").fill("plain-words")
    page.get_by_role("textbox", name="Epochs").fill("4" if pictures.full else "1")
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    assert sum(url.endswith("/train/settings") for url in asked) == 1, (
        "twice, and what is typed goes when the second comes"
    )
    pictures.take(view.tab, "train")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("main svg.main-svg").first).to_be_visible()
    until(lambda: studio.get("/jobs")["rows"][0]["state"] == "done", "the end of the training")
    expect(page.get_by_role("button", name="Switch to it")).to_be_visible()
    pictures.take(view.tab, "trained")
    [job] = studio.get("/jobs")["rows"]
    assert (job["name"], job["metrics"]["epochs"][0]["epoch"]) == ("plain-words", 1)
    assert job["metrics"]["settings"]["epochs"] == (4 if pictures.full else 1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as files:
        assert any(name.endswith("adapter_model.safetensors") for name in files.namelist())


def test_it_is_switched_to(view: Steering, studio: Studio) -> None:
    page = view.page
    page.get_by_role("button", name="Model bundled").click()
    page.get_by_role("radio", name="plain-words").check()
    until(lambda: studio.get("/models")["active"] == "plain-words", "switching")
    expect(page.get_by_role("button", name="Model bundled")).to_contain_text("plain-words")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Model bundled").click()
    page.get_by_role("radio", name="No adapter").check()
    until(lambda: studio.get("/models")["active"] is None, "switching back")


def test_it_is_compared(view: Steering, studio: Studio, pictures: Pictures) -> None:
    page = view.page
    view.tab.go("#/compare?right=plain-words")
    page.get_by_role("textbox", name="Prompt 1").fill("Why is grass green?")
    page.get_by_role("spinbutton", name="Tokens at most").fill("60" if pictures.full else "12")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="1 prompt").first).to_be_visible()
    pictures.take(view.tab, "compare")


def test_it_is_taken_away(view: Steering, studio: Studio, pictures: Pictures, tmp_path: Path) -> None:
    """What is exported is what was there, exactly."""
    page = view.page
    view.tab.go("#/data")
    expect(page.get_by_role("region", name="Adapters")).to_contain_text("plain-words")
    pictures.take(view.tab, "data")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export everything").click()
    file = tmp_path / "exported.jsonl"
    download.value.save_as(file)
    assert len([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]) == 16
    with studio.store() as store:
        stored = {trace.id: trace for trace in store.all()}
    exported = {trace.id: trace for trace in read(file, models.load_tokenizer("bundled"), model="bundled").traces}
    assert exported.keys() == stored.keys()
    for id, trace in exported.items():
        assert trace.answer(trace.head) == stored[id].answer(stored[id].head)
        assert [steer.reason for steer in trace.steers] == [steer.reason for steer in stored[id].steers]
    pictures.check()
