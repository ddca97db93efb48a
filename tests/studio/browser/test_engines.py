"""The page of a studio whose model a llama.cpp server computes: what is not to be had is not offered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.studio import engines
from tests.studio.browser.tab import Tab
from tests.studio.browser.test_answer import Answer
from tests.studio.running import TOKEN, Running
from tests.studio.tab import begin
from tests.studio.test_steering import ahead
from tests.trained import adapter, with_dials
from tests.waiting import until


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("studio")
    given = with_dials(adapter(engines.model(), folder / "dials", seed=3), engines.model())
    settings = engines.settings("llama.cpp") | {"adapter": str(given)}
    with Running(engines.model(), folder / "traces.db", **settings) as running:
        yield running


def test_an_answer_is_steered(studio: Running, tab: Tab) -> None:
    id = begin(studio.client, "say the", max_tokens=30, go_on=False)
    answer = Answer(studio, tab, id)
    tab.connected()
    studio.client.post(f"/api/traces/{id}/write", json={"version": answer.trace["version"]}).raise_for_status()
    expect(answer.text.locator('.t[data-depth="29"]')).to_be_attached()
    answer.text.locator('.t[data-depth="9"]').click()
    expect(tab.page.locator("mc-alternatives button.alternative")).to_have_count(10)
    tab.page.keyboard.type("right here")
    texts = ("right here", " right here")  # by what stood there
    until(lambda: any(ahead(studio, id, text, 9) for text in texts), "what is typed being read ahead")
    answer.keys("Enter")
    [steer] = answer.steers(1)
    assert steer["chosen"].strip().endswith("right here")
    expect(answer.line).to_have_count(0)
    expect(tab.page.locator("mc-answer-bar")).to_contain_text("Reused")


def test_what_the_engine_lacks(studio: Running, tab: Tab) -> None:
    tab.page.goto(f"{studio.url}/?token={TOKEN}")
    tab.go("/steer")
    sliders = tab.page.locator("mc-composer mc-dials input[type=range]")
    expect(sliders.first).to_be_attached()
    assert [one for one in sliders.evaluate_all("all => all.map(one => one.id)") if "guidance" in one] == []
    tab.page.locator("mc-adapter-menu > button").click()
    expect(tab.page.locator("#adapters")).to_contain_text("llama.cpp in this process: tiny.gguf")
    tab.page.keyboard.press("Escape")
    tab.go("/compare")
    expect(tab.page.locator("mc-compare-view")).to_contain_text("Not with this engine")
    expect(tab.page.locator("mc-compare-view")).to_contain_text("side by side with --engine transformers alone")
    expect(tab.page.get_by_role("button", name="Compare")).to_have_count(0)
