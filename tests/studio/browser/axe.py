"""axe-core in a page: what it finds that keeps people from using the studio."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.studio.browser.tab import Tab

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
RUN = """() => axe.run(document, {resultTypes: ["violations"]}).then((found) =>
  found.violations.filter((one) => ["serious", "critical"].includes(one.impact)).flatMap((one) =>
    one.nodes.map((node) => `${one.impact} ${one.id}: ${node.target.join(" ")}: ${node.failureSummary}`)))"""
SETTLED = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished.catch(() => null)))"""


def faults(tab: Tab) -> list[str]:
    """Serious and critical faults of what the tab shows, a line each with the element and what to do."""
    if tab.page.evaluate("typeof axe") == "undefined":
        tab.page.evaluate(_source())  # by the debugger: the page's own policy stays as it is
    tab.page.evaluate(SETTLED)  # colours in transition are no faults
    found: list[str] = tab.page.evaluate(RUN)
    return found


@cache
def _source() -> str:
    assert AXE.exists(), "axe-core is not there; `make page` installs it"
    return AXE.read_text(encoding="utf-8") + ";0"
