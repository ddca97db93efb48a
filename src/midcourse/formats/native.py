"""Our own format: `docs/format.md`."""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import Item, Native

TITLE = "our own format"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    if "exact" in raw or ("output" in raw and isinstance(raw.get("messages"), list)):
        return True
    messages = raw.get("messages")
    return isinstance(messages, list) and any(isinstance(one, dict) and "output" in one for one in messages)


def natives(item: Item) -> list[Native]:
    """The object itself."""
    return [Native(item.raw)]
