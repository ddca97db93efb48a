"""Training, measuring and comparing from the page, in a real browser: a tiny random model, real child processes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.studio.browser.tab import Tab
from tests.studio.running import TOKEN, Running


def line(number: int) -> dict[str, object]:
    wrong = {"rejected": f"bad {number}", "chosen": f"good {number}", "tags": ["odd" if number % 2 else "even"]}
    return {"messages": [{"role": "user", "content": f"Note {number}"}], "output": ["one ", wrong, " end"]}


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("studio") / "traces.db") as running:
        text = "\n".join(json.dumps(line(number)) for number in range(40))
        running.client.post("/api/import", json={"name": "a.jsonl", "text": text}).raise_for_status()
        yield running


@pytest.fixture
def open_view(studio: Running, tab: Tab) -> Callable[[str], Page]:
    def opened(route: str) -> Page:
        tab.page.goto(f"{studio.url}/?token={TOKEN}")
        tab.go(route)
        return tab.page

    return opened


def test_the_form_says_what_it_would_do_and_what_is_wrong(open_view: Callable[[str], Page]) -> None:
    page = open_view("/train")
    plan = page.get_by_role("region", name="What this will do")
    command = plan.locator("code")
    expect(command).to_contain_text("midcourse train")
    page.get_by_label("Epochs").fill("7")
    expect(command).to_contain_text("--epochs 7")
    page.get_by_label("Tag of the steer").select_option("odd")
    expect(plan.locator("dd").first).to_have_text("20")
    page.get_by_label("Epochs").fill("seven")
    expect(page.get_by_label("Epochs")).to_have_attribute("aria-invalid", "true")
    start = page.get_by_role("button", name="Start training")
    expect(start).to_have_attribute("aria-disabled", "true")
    page.get_by_label("Epochs").fill("2")
    page.get_by_label("Objective", exact=True).fill("dppo")
    expect(plan).to_contain_text("dppo")
    expect(page.get_by_label("Objective", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Objective", exact=True).fill("dpo + 0.5 sft")
    expect(start).to_have_attribute("aria-disabled", "false")
    page.get_by_label("Name of the adapter").fill("no/path")
    expect(start).to_have_attribute("aria-disabled", "true")
    page.get_by_text(re.compile("^Checkpoints")).click()
    expect(page.get_by_label("Keep checkpoints")).to_be_visible()


def test_from_steers_to_another_model(studio: Running, open_view: Callable[[str], Page]) -> None:
    page = open_view("/train")
    page.get_by_label("Name of the adapter").fill("mine")
    page.get_by_label("Epochs").fill("2")
    page.get_by_label("Objective", exact=True).fill("dpo + sft")
    start = page.get_by_role("button", name="Start training")
    expect(page.locator("mc-train-plan:not(.waiting) code")).to_contain_text("--objective")
    expect(start).to_have_attribute("aria-disabled", "false")
    start.click()
    detail = page.locator("mc-job-detail")
    expect(detail.get_by_role("heading", name="Training “mine”")).to_be_visible()
    expect(detail.locator(".state")).to_have_text("Done")
    expect(detail.get_by_role("img", name=re.compile("^Loss from .* of held-out steers"))).to_be_visible()
    expect(detail.locator(".main-svg").first).to_be_visible()
    expect(detail.locator(".outcomes")).to_contain_text("Accuracy at the end")
    page.reload()
    expect(detail.get_by_role("img", name=re.compile("^Margin from"))).to_be_visible()

    detail.get_by_role("button", name="Switch to it").click()
    expect(detail.get_by_role("link", name="Steer with it")).to_be_visible()
    assert studio.client.get("/api/models").json()["active"] == "mine"

    with page.expect_download() as download:
        detail.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "mine.zip"

    detail.get_by_role("link", name="Compare").click()
    expect(page.get_by_label("Right")).to_have_value("mine")
    page.get_by_label("Prompt 1").fill("Note 3")
    page.get_by_label("Tokens at most").fill("12")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".far", has_text="1 prompt answered by both")).to_be_visible()
    answers = page.locator("mc-compared-prompt .answer")
    for place in range(2):
        expect(answers.nth(place).locator(".judged").first).to_be_attached()
    answers.first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("mc-compared-prompt .reading")).to_contain_text("The model as it is:")
    expect(page.locator("mc-compared-prompt .reading")).to_contain_text("mine:")

    page.get_by_role("button", name="Measure mine").click()
    report = page.get_by_role("link", name="Open the report of mine")
    expect(report).to_be_visible()
    with page.expect_popup() as popup:
        report.click()
    expect(popup.value.get_by_role("heading", level=1)).to_be_visible()
    expect(popup.value.locator(".main-svg").first).to_be_visible()
    popup.value.close()


def test_a_training_is_stopped_and_goes_on(studio: Running, open_view: Callable[[str], Page]) -> None:
    page = open_view("/train")
    page.get_by_label("Name of the adapter").fill("long")
    page.get_by_label("Epochs").fill("2000")
    expect(page.locator("mc-train-plan:not(.waiting) code")).to_contain_text("--epochs 2000")
    page.get_by_role("button", name="Start training").click()
    detail = page.locator("mc-job-detail")
    expect(detail.locator(".far")).to_contain_text(re.compile(r"epoch \d+ of 2000"))
    detail.get_by_role("button", name="Stop", exact=True).click()
    expect(detail.locator(".state")).to_have_text("Stopped")
    detail.get_by_role("button", name="Go on").click()
    expect(detail.locator(".state")).to_have_text("Running")
    detail.get_by_role("button", name="Stop", exact=True).click()
    expect(detail.locator(".state")).to_have_text("Stopped")
    job = studio.client.get("/api/jobs").json()["rows"][0]
    assert (job["name"], job["state"], job["resumable"]) == ("long", "stopped", True)
