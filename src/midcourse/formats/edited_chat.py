"""Conversations of which there is an edited copy.

    {"original": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}],
     "edited": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…, corrected"}]}

Messages are those of OpenAI (`role`, `content`) or of ShareGPT (`from`, `value`). Usually the two stand in two files,
object by object: `--original FILE` names the one from before. Each answer that
differs is compared with what stood there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

from midcourse.errors import Problem
from midcourse.formats.item import Item, Native
from midcourse.formats.messages import conversation, said
from midcourse.formats.pairs import NAMES
from midcourse.formats.versions import Turn, steered
from midcourse.records import Record

TITLE = "edited conversations"
CONVERSATIONS = ("messages", "conversations", "conversation")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return any(isinstance(raw.get(before), list) and isinstance(raw.get(after), list) for before, after in NAMES)


def natives(item: Item) -> list[Native]:
    """A line for each answer that was edited."""
    before, after = next(((a, b) for a, b in NAMES if a in item.raw and b in item.raw), NAMES[0])
    old = conversation(item, item.raw.get(before), before)
    new = conversation(item, item.raw.get(after), after)
    if item.flaws:
        return []
    if [one["role"] for one in old] != [one["role"] for one in new]:
        item.flaw(after, f"has not the same turns as {before}: {len(new)} and {len(old)} messages, whose roles differ")
        return []
    turns = []
    if item.raw.get("system") and new[0]["role"] != "system":
        turns.append(Turn({"role": "system", "content": item.text(item.raw, "system")}, "system"))
    for number, (was, now) in enumerate(zip(old, new, strict=True)):
        place = f"{after}[{number}]"
        if now["role"] != "assistant" or now == was or not now.get("content"):
            turns.append(Turn(now, place))
            continue
        text = said(item, now["content"], place)
        original = said(item, was.get("content") or "", f"{before}[{number}]")
        turns.append(Turn({**now, "content": text}, place, edited=[original]))
    return steered(item, turns)


def joined(edited: Iterable[Record], originals: Iterable[Record], name: str, other: str) -> Iterator[Record]:
    """Objects of two files as one each: the conversation, and as it was before it was edited."""
    for new, old in zip_longest(edited, originals):
        if new is None or old is None:
            more: Record = new or old
            longer, shorter = (name, other) if old is None else (other, name)
            message = f"{shorter} has no object in the place of this one; both files need the same conversations"
            yield Record(more.line, None, Problem(longer, message, more.line))
            return
        if new.value is None or old.value is None:
            yield from (record for record in (new, old) if record.value is None)
            continue
        values = new.value, old.value
        ids = [value["id"] for value in values if value.get("id") is not None]
        if len(set(map(str, ids))) > 1:
            message = f"{ids[0]!r}, and {other}:{old.line} is {ids[1]!r}; both files need the same order"
            yield Record(new.line, None, Problem(name, message, new.line, "id"))
            return
        value = {key: one for key, one in new.value.items() if key not in CONVERSATIONS}
        yield new._replace(value={**value, "original": _turns(old.value), "edited": _turns(new.value)})


def _turns(value: dict[str, Any]) -> Any:
    return next((value[name] for name in CONVERSATIONS if name in value), None)
