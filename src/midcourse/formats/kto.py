"""Answers that were called good or bad, one by one, as for KTO (arXiv 2402.01306).

    {"prompt": "…", "completion": "…", "label": false}

Prompt and completion may be messages. A bad answer is a mark: off track, without a correction. A good one is chosen
as a whole, with its end, and nothing is rejected.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats import local, markup, masked
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.local import Side
from midcourse.formats.masked import Part
from midcourse.formats.messages import conversation, said, with_system
from midcourse.formats.preference import REQUESTS, prompted

TITLE = "answers called good or bad"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return "completion" in raw and "label" in raw


def natives(item: Item) -> list[Native]:
    """The line of the answer."""
    raw = item.raw
    item.known(raw, ["completion", "label", *REQUESTS, "system", *ABOUT])
    name = next((name for name in REQUESTS if raw.get(name) is not None), "prompt")
    label = raw.get("label")
    if not isinstance(label, (bool, int)) or label not in (0, 1):
        item.flaw("label", "is missing" if label is None else f"should be true or false, not {kind(label)}")
    if raw.get(name) is None:
        item.flaw(name, "is missing")
    if item.flaws:
        return []
    sides = ("completion_ids", "") if label else ("", "completion_ids")
    if (known := local.from_ids(item, sides)) is not None:
        return [Native({**item.about(), "messages": known[0], "output": known[1]})]
    messages, before = local.from_texts(item) or prompted(item, name)
    answer = markup.bare(raw[name], completion(item, "completion"))
    return judged(item, messages, before, answer, bool(label), "completion")


def completion(item: Item, name: str) -> str:
    """The answer that `name` holds: a text, or messages of which there is one."""
    value = item.raw.get(name)
    if isinstance(value, list):
        messages = conversation(item, value, name)
        if len(messages) > 1 or (messages and messages[0]["role"] != "assistant"):
            item.flaw(name, "should be one message of the assistant")
        return said(item, messages[0].get("content"), f"{name}[0].content") if messages else ""
    return item.text(item.raw, name)


def judged(
    item: Item, messages: list[dict[str, Any]], before: str, answer: str, good: bool, place: str
) -> list[Native]:
    """The line of an answer, beginning with `before`, whose rest was called good or bad."""
    with_system(item, messages)
    text, marked = markup.ended(item.tok, answer)
    own = local.ours(item.raw)  # a side of a steer, which ends only where a mark says so
    if not text and not item.flaws and not (own and marked):
        item.flaw(place, "is empty")
    if item.flaws or local.halved(item, before, text):
        return []
    if good:
        output: list[Any] = masked.output(item.tok, [Part(before, 0), *masked.trained(text, marked or not own)])
    else:
        output = local.mark(before, Side(text, own and marked))
    return [Native({**item.about(), "messages": messages, "output": output}, {"output": place, "messages": "prompt"})]
