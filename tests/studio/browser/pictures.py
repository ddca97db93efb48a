"""The pictures that README and docs show: each view, light and dark."""

from __future__ import annotations

from pathlib import Path

from tests.studio.browser.tab import Tab

LARGEST = 300_000  # bytes of a picture
PHONE = {"width": 390, "height": 780}
NAMED_SHORTLY = """folder => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(folder, "");
}"""


class Pictures:
    """Takes pictures into `folder`, or none where there is no folder. What lies in `home` is named from there on."""

    def __init__(self, folder: str | None, home: Path) -> None:
        self.folder = Path(folder) if folder else None
        self.home = home
        self.taken: list[Path] = []

    @property
    def full(self) -> bool:
        """Whether what is on the pictures is worth showing, and not only there."""
        return self.folder is not None

    def take(self, tab: Tab, name: str) -> None:
        """What the tab shows: `studio-NAME.png`, and `studio-NAME-dark.png`."""
        if self.folder is None:
            return
        for scheme, end in (("dark", "-dark"), ("light", "")):
            tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            tab.page.evaluate(NAMED_SHORTLY, f"{self.home}/")
            path = self.folder / f"studio-{name}{end}.png"
            tab.page.screenshot(path=path, animations="disabled", caret="initial")
            self.taken.append(path)

    def phone(self, tab: Tab, name: str) -> None:
        """The same on a phone's width."""
        before = tab.page.viewport_size
        tab.page.set_viewport_size(PHONE)
        self.take(tab, name)
        if before:
            tab.page.set_viewport_size(before)

    def check(self) -> None:
        """They are there, and not too large for a page of documentation."""
        assert all(0 < path.stat().st_size < LARGEST for path in self.taken), [
            (path.name, path.stat().st_size) for path in self.taken
        ]
