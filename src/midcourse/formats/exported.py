"""The traces of a folder that `midcourse export --format datasets` wrote: each row holds a line of our own format."""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import Item, Native
from midcourse.json_lines import Broken, parse

TITLE = "traces of a datasets folder that Midcourse exported"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("native"), str)


def natives(item: Item) -> list[Native]:
    """The line that the row holds; what else the row says is said there too."""
    text = item.text(item.raw, "native")
    if item.flaws:
        return []
    found = parse(text.encode())
    if isinstance(found, Broken):
        item.flaw("native", found.message)
        return []
    if not isinstance(found.value, dict):
        item.flaw("native", "is no JSON object")
        return []
    return [Native(found.value)]
