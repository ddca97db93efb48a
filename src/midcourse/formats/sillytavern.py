"""SillyTavern: a chat file, a message a line after a line about the chat; swipes are other versions of an answer.

    {"user_name": "Ada", "character_name": "Eve", "create_date": "…", "chat_metadata": {}}
    {"name": "Ada", "is_user": true, "mes": "…"}
    {"name": "Eve", "is_user": false, "mes": "…", "swipes": ["…", "…"], "swipe_id": 1}

The file is one conversation. What the character's card and the settings put before it is not in the file; `--system`
can say it. Greetings come from the card, not from a model: their swipes are left out, as are hidden messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from midcourse.errors import Problem
from midcourse.formats.item import Item, Native, kind
from midcourse.formats.versions import Turn, steered
from midcourse.records import Record

TITLE = "SillyTavern chats"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return _begins(raw) or ("mes" in raw and "is_user" in raw) or ("lines" in raw and "numbers" in raw)


def gathered(records: Iterable[Record], name: str) -> Iterator[Record]:
    """The lines of a chat as one object; a broken one breaks its chat."""
    lines: list[Record] = []
    for record in records:
        if record.value is not None and _begins(record.value):
            yield from _chat(lines, name)
            lines = []
        lines.append(record)
    yield from _chat(lines, name)


def _begins(raw: dict[str, Any]) -> bool:
    return "mes" not in raw and ("chat_metadata" in raw or ("user_name" in raw and "character_name" in raw))


def _chat(lines: list[Record], name: str) -> Iterator[Record]:
    broken = [record for record in lines if record.value is None]
    if broken:
        yield from broken
        line = lines[0].line
        yield Record(line, None, Problem(name, "this chat has broken lines, so nothing of it is taken", line))
    elif lines:
        value = {"lines": [record.value for record in lines], "numbers": [record.line for record in lines]}
        yield Record(lines[0].line, value)


def natives(item: Item) -> list[Native]:
    """A line for each answer that was swiped."""
    turns = []
    lines, item.raw = zip(item.raw["lines"], item.raw["numbers"], strict=True), {}
    for raw, number in lines:
        if _begins(raw):
            continue
        if not isinstance(raw.get("mes"), str):
            why = "is missing" if raw.get("mes") is None else f"should be a text, not {kind(raw['mes'])}"
            item.flaw("mes", why, number)
            continue
        if raw.get("is_system"):
            continue
        role = "user" if raw.get("is_user") else "assistant"
        turns.append(Turn({"role": role, "content": raw["mes"]}, f"line {number}", others=_swipes(item, raw, number)))
    return [] if item.flaws else steered(item, turns)


def _swipes(item: Item, raw: dict[str, Any], number: int) -> list[str]:
    swipes = raw.get("swipes") or []
    if not isinstance(swipes, list) or not all(isinstance(one, str) for one in swipes):
        item.flaw("swipes", "should be a list of texts", number)
        return []
    if raw.get("is_user"):
        return []
    chosen = raw.get("swipe_id")
    if chosen is None:
        chosen = swipes.index(raw["mes"]) if raw["mes"] in swipes else 0
    if not isinstance(chosen, int) or isinstance(chosen, bool) or (swipes and not 0 <= chosen < len(swipes)):
        item.flaw("swipe_id", f"should be one of the {len(swipes)} swipes, counted from 0", number)
        return []
    return [swipe for place, swipe in enumerate(swipes) if place != chosen]
