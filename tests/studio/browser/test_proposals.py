"""Where to look, on the page: what `n` walks through, what is marked, and what is put right there serves what falls."""

from __future__ import annotations

import re
from math import log
from pathlib import Path

from playwright.sync_api import expect

from tests.studio.browser import axe
from tests.studio.browser.tab import Tab
from tests.studio.running import TOKEN, Running
from tests.studio.tab import begin
from tests.waiting import until


def test_from_one_place_to_look_at_to_the_next(model: Path, predictor: Path, tmp_path: Path, tab: Tab) -> None:
    with Running(model, tmp_path / "traces.db", predictor=str(predictor)) as studio:
        id = begin(studio.client, "Why?", max_tokens=60, temperature=1.0, seed=3)
        page = tab.page
        page.goto(f"{studio.url}/?token={TOKEN}")
        tab.go(f"#/steer/{id}")
        marked = page.locator("mc-answer .t.proposed")
        expect(marked.first).to_be_visible()
        version = studio.client.get(f"/api/traces/{id}").json()["version"]
        found = studio.client.get(f"/api/traces/{id}/proposals", params={"version": version}).json()["proposals"]
        expect(marked).to_have_count(len(found))
        expect(page.get_by_text("look here (n)")).to_be_visible()
        expect(page.get_by_text(re.compile(r"^Predicted: length -?\d+\.\d · cheer -?\d+\.\d$"))).to_be_visible()
        page.get_by_role("group", name=re.compile("^Answer, ")).focus()
        page.keyboard.press("Home")
        standing = page.locator("mc-answer .t.stands")
        tokens = studio.client.get(f"/api/traces/{id}").json()["tokens"]
        bar = min(token["logprob"] for token in tokens) + log(10)
        doubtful = [depth for depth, token in enumerate(tokens) if token["logprob"] <= bar]
        wanted = {place["depth"]: place["attribute"] for place in found}
        went: list[int] = []
        while wanted.keys() - went:
            page.keyboard.press("n")
            if went:
                expect(standing).not_to_have_attribute("data-depth", str(went[-1]))
            went.append(int(str(standing.get_attribute("data-depth"))))
            if (place := went[-1]) in wanted:
                label = "cheer .* worse from here" if wanted[place] else "unlikely here"
                expect(standing).to_have_attribute("aria-label", re.compile(label))
        assert went[0] == doubtful[0]
        assert len(set(went)) == len(went)
        assert all(place in wanted or place in doubtful for place in went)
        page.keyboard.press("N")
        expect(standing).to_have_attribute("data-depth", str(went[-2]))
        for _ in tokens:
            page.keyboard.press("n")
        expect(page.locator("#announce-polite")).to_have_text("Nothing more to look at")
        falls = next(place for place in found if place["attribute"])
        page.locator(f"mc-answer .t[data-depth='{falls['depth']}']").click()
        expect(page.get_by_role("button", name="Serves cheer", exact=True)).to_be_visible()
        assert axe.faults(tab) == []
        line = page.get_by_role("textbox", name="Correction")
        line.press_sequentially("better")
        line.press("Enter")
        expect(page.get_by_text("1 steer trains")).to_be_visible()
        assert studio.services.store.get(id).steers[0].serves == ("cheer",)
        page.keyboard.press("Escape")
        tab.fine()
        page.close()


def test_without_a_predictor_to_what_the_model_was_least_sure_of(model: Path, tmp_path: Path, tab: Tab) -> None:
    """The first token that is at most ten times as likely as the least likely one; after a steer, of what follows."""
    with Running(model, tmp_path / "traces.db") as studio:
        id = begin(studio.client, "Why?", max_tokens=60, temperature=1.0, seed=3)
        page = tab.page
        page.goto(f"{studio.url}/?token={TOKEN}")
        tab.go(f"#/steer/{id}")

        def first(start: int) -> int:
            tokens = studio.client.get(f"/api/traces/{id}").json()["tokens"]
            bar = min(token["logprob"] for token in tokens[start:]) + log(10)
            return next(depth for depth, token in enumerate(tokens) if depth >= start and token["logprob"] <= bar)

        standing = page.locator("mc-answer .t.stands")
        expect(page.locator("mc-answer .t")).to_have_count(60)
        page.get_by_role("group", name=re.compile("^Answer, ")).focus()
        page.keyboard.press("n")
        place = first(0)
        expect(standing).to_have_attribute("data-depth", str(place))
        page.keyboard.press("n")
        expect(standing).not_to_have_attribute("data-depth", str(place))
        page.keyboard.press("N")
        expect(standing).to_have_attribute("data-depth", str(place))
        page.keyboard.press("N")
        expect(page.locator("#announce-polite")).to_have_text("Nothing was looked at before this")
        page.keyboard.press("Enter")
        line = page.get_by_role("textbox", name="Correction")
        line.press_sequentially("better")
        line.press("Enter")
        expect(page.get_by_text("1 steer trains")).to_be_visible()

        def written() -> list[str]:
            return [token["source"] for token in studio.client.get(f"/api/traces/{id}").json()["tokens"]]

        until(lambda: written()[-1] == "model", "going on")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Go on")).to_be_visible()
        sources = written()
        start = len(sources) - sources[::-1].index("human")
        assert 0 < place < start < len(sources)
        page.get_by_role("group", name=re.compile("^Answer, ")).focus()
        page.keyboard.press("End")
        page.keyboard.press("n")
        expect(standing).to_have_attribute("data-depth", str(first(start)))
        tab.fine()
        page.close()
