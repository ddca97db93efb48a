"""The report in a real browser: no error, no request, all sections, safe, by keyboard, on paper, on a phone."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from midcourse.measure import report
from tests.measure import sample
from tests.waiting import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)
SECTIONS = ["effort", "answers", "forks", "margins", "training", "drift", "made"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "the report is tested in Chromium; `make system` installs it"
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    report.write(sample.measurement(), folder / "report.html", sample.metrics())
    report.write(sample.measurement(attack=True), folder / "attack.html", sample.metrics())
    return folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which any console message, error or request beyond the file itself fails the test."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    seen: list[str] = []
    page.on("console", lambda message: seen.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("request", lambda request: seen.append(f"request: {request.url}"))
    yield page
    page.close()
    assert [what for what in seen if not re.fullmatch(r"request: file://.*/(report|attack)\.html", what)] == []


def test_every_section_is_there_and_drawn(page: Page, files: Path) -> None:
    page.goto(files.joinpath("report.html").as_uri())
    for section in SECTIONS:
        expect(page.locator(f"#{section}")).to_be_visible()
    plots = page.locator("[data-plot]")
    expect(page.locator("[data-plot]:has(svg.main-svg)")).to_have_count(8)
    assert plots.count() == 8
    assert all(plot.get_attribute("aria-label") for plot in plots.all())
    assert page.locator("h1").count() == 1


def test_plots_follow_the_colour_scheme(page: Page, files: Path) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(files.joinpath("report.html").as_uri())
    line = page.locator('[data-plot="fields"] .scatterlayer path.js-line').first
    light = line.evaluate("path => getComputedStyle(path).stroke")
    page.emulate_media(color_scheme="dark")
    expect(line).not_to_have_css("stroke", light)
    dark = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()")
    red, green, blue = (int(dark[at : at + 2], 16) for at in (1, 3, 5))
    expect(line).to_have_css("stroke", f"rgb({red}, {green}, {blue})")


def test_model_text_does_not_run(page: Page, files: Path) -> None:
    page.goto(files.joinpath("attack.html").as_uri())
    page.wait_for_load_state("load")
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    expect(page.locator("#cases li:visible .run.chosen", has_text="window.pwned = 1").first).to_be_visible()


def test_forks_are_filtered_and_announced(page: Page, files: Path) -> None:
    page.goto(files.joinpath("report.html").as_uri())
    shown, found = page.locator("#cases > li:visible"), page.locator("#found")
    expect(shown).to_have_count(12)
    assert shown.first.get_attribute("data-kind") == "missed"
    page.get_by_role("radio", name="Learned").check()
    assert {item.get_attribute("data-kind") for item in shown.all()} == {"learned"}
    page.get_by_role("searchbox").fill("zoë okafor")
    expect(found).to_have_text(re.compile(r"\d+ of \d+ forks"))
    for item in shown.all():
        expect(item).to_contain_text("Zoë Okafor")
    page.get_by_role("searchbox").fill("no such thing")
    expect(found).to_have_text("No fork like that.")
    expect(shown).to_have_count(0)


def test_everything_can_be_reached_by_keyboard(page: Page, files: Path) -> None:
    page.goto(files.joinpath("report.html").as_uri())
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the results")).to_be_focused()
    page.get_by_role("radio", name="All").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Still missed")).to_be_checked()
    page.keyboard.press("ArrowLeft")
    more = page.get_by_role("button", name="more of")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#cases > li:visible")).to_have_count(24)
    expect(page.locator("#cases > li").nth(12)).to_be_focused()


def test_a_phone_does_not_scroll_sideways(page: Page, files: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(files.joinpath("attack.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_it_prints_on_white(page: Page, files: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(files.joinpath("report.html").as_uri())
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("body")).to_have_css("color", "rgb(29, 28, 26)")


def test_without_javascript_the_page_still_tells_everything(browser: Browser, files: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files.joinpath("report.html").as_uri())
    assert page.locator("#cases > li:visible").count() == len(sample.measurement().cases)
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator(".canvas").first).to_be_hidden()
    context.close()
