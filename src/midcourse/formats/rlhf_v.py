"""RLHF-V (arXiv 2312.00849): an answer, and the same one with the wrong segments corrected by a person.

    {"text": "{\\"question\\": \\"…\\", \\"chosen\\": \\"…\\", \\"rejected\\": \\"…\\"}", "image": …}

or the three beside each other as `question`, `chosen`, `rejected`. Each corrected segment is one steer, found as in
before/after pairs. Pictures are left out: what is left is what the text alone says.
"""

from __future__ import annotations

import json
from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import answers
from midcourse.formats.item import Item, Native, kind

TITLE = "RLHF-V"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    text = raw.get("text")
    inside = isinstance(text, str) and text.startswith("{") and '"question"' in text and '"rejected"' in text
    return inside or {"question", "chosen", "rejected"} <= raw.keys()


def natives(item: Item) -> list[Native]:
    """The line of the pair."""
    raw, place = item.raw, ""
    if "question" not in raw:
        try:
            raw, place = json.loads(item.text(raw, "text")), "text"
        except ValueError as error:
            item.flaw("text", f"is no JSON: {error}")
            return []
        if not isinstance(raw, dict):
            item.flaw("text", f"should hold an object, not {kind(raw)}")
            return []
    question = item.text(raw, "question", place)
    chosen, rejected = item.text(raw, "chosen", place), item.text(raw, "rejected", place)
    if item.flaws:
        return []
    if item.raw.get("image") is not None:
        item.note("answers to a picture come in without it")
    if chosen == rejected:
        item.note("answers are the same before and after: they have no steer")
    messages = [{"role": "user", "content": question.replace("<image>", "").strip()}]
    if item.reading.system:
        messages.insert(0, {"role": "system", "content": item.reading.system})
    try:
        output = answers.edited(item.tok, rejected, chosen, item.reading.gap)
    except SteerError as error:
        item.flaw(f"{place}.chosen" if place else "chosen", str(error))
        return []
    return [
        Native({**item.about(), "messages": messages, "output": output}, {"output": "chosen", "messages": "question"})
    ]
