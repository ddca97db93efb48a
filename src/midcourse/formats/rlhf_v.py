"""RLHF-V (arXiv 2312.00849): answers in which people corrected what was wrong, segment by segment.

    {"text": "{\\"question\\": \\"…\\", \\"chosen\\": \\"…\\", \\"rejected\\": \\"…\\"}", "image": …}

`text` is JSON in a text; the three may also stand in the object itself. The corrected answer is the other one with its
wrong segments written anew, so the two are compared as before/after pairs are, and each segment is a steer. Pictures
are left out: what an answer says of one cannot be told without it.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import answers, local
from midcourse.formats.item import ABOUT, Item, Native
from midcourse.formats.messages import with_system
from midcourse.json_lines import Broken, parse

TITLE = "RLHF-V"
PICTURES = "pictures are left out: only text is trained on"
_KEYS = ("question", "chosen", "rejected")
_OWN = ("ds_name", "origin_dataset", "image_path", "image")  # columns of this data set


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    if all(key in raw for key in _KEYS) and any(key in raw for key in _OWN):
        return True
    text = raw.get("text")
    return isinstance(text, str) and text.startswith("{") and sum(f'"{key}"' in text for key in _KEYS) > 1


def natives(item: Item) -> list[Native]:
    """The line of the answer."""
    raw, place = item.raw, ""
    if "text" in raw and "chosen" not in raw:
        place = "text"
        text = item.text(raw, "text")
        found = parse(text.encode())
        if isinstance(found, Broken):
            item.flaw("text", found.message.replace("of the line", "of the text"))
        elif not isinstance(found.value, dict):
            item.flaw("text", "should be a JSON object with question, chosen and rejected")
        if item.flaws or isinstance(found, Broken):
            return []
        inner: dict[str, Any] = found.value
    else:
        item.known(raw, [*_KEYS, *ABOUT])
        inner = raw
    question, chosen, rejected = (item.text(inner, key, place) for key in _KEYS)
    if not chosen and not item.flaws:
        item.flaw(f"{place}.chosen" if place else "chosen", "is empty")
    if item.flaws or not item.comparable(f"{place}.chosen" if place else "chosen", chosen, rejected):
        return []
    if any(raw.get(name) for name in ("image", "image_path", "images")):
        item.note(PICTURES)
    if chosen == rejected:
        item.note(local.SAME)
        return []
    messages: list[dict[str, Any]] = [{"role": "user", "content": question.replace("<image>", "").strip()}]
    with_system(item, messages)
    try:
        output = answers.edited(item.tok, rejected, chosen, item.reading.gap)
    except SteerError as error:
        item.flaw(f"{place}.chosen" if place else "chosen", str(error))
        return []
    line = {**item.about(), "messages": messages, "output": output}
    return [Native(line, {"output": place or "chosen", "messages": place or "question"})]
