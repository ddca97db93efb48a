"""Pages other than the report: whole, escaped, in a real browser without an error or a request."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from midcourse.measure.figures import Figure, line
from midcourse.measure.page import Page, Section, Table, draw, write
from midcourse.measure.words import Stat
from tests.waiting import PATIENCE

ATTACK = "<script>alert(1)</script>"
FIGURE = Figure("one", "A line", "It rises.", [line("a", [(0, 1), (1, 2)], 0)], {}, ["x", "y"], [["0", "1"]])
PAGE = Page(
    kind="predictor",
    headline=f"All of it {ATTACK}",
    lede="Measured on two answers.",
    stats=[Stat("verbosity", "0.10 before", "0.70", "rank correlation")],
    sections=[
        Section(
            "first", "First", "What it is.", [FIGURE], Table(["", "error"], [[ATTACK, "1"], ["b", "2"]], [1]), "So."
        ),
        Section("second", "Second", size="wide", figures=[FIGURE._replace(id="two")]),
    ],
    facts=[{"model": ATTACK}],
    settings={"epochs": 3},
    file="metrics.json",
)


def test_everything_is_there_and_escaped() -> None:
    page = draw(PAGE)
    for said in (
        "Measured on two answers.",
        "0.10 before",
        "What it is.",
        "So.",
        "metrics.json",
        "&#34;epochs&#34;: 3",
    ):
        assert said in page
    assert ATTACK not in page
    assert page.count("&lt;script&gt;alert(1)") == 4  # title, headline, a cell, a fact
    assert '<tr class="best"><th scope="row">b</th>' in page


def test_in_a_browser(tmp_path: Path) -> None:
    write(PAGE, tmp_path / "page.html")
    chromium = shutil.which("chromium")
    assert chromium, "pages are tested in Chromium; `make system` installs it"
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        page = browser.new_page()
        seen: list[str] = []
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("request", lambda request: seen.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        expect(page.locator("[data-plot]:has(svg.main-svg)")).to_have_count(2, timeout=PATIENCE * 1000)
        browser.close()
    assert seen == [(tmp_path / "page.html").as_uri()]
