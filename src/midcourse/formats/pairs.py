"""Before and after: a request, the answer as the model wrote it, and the same answer corrected by a person.

    {"prompt": "…", "original": "…", "corrected": "…"}

The request is `prompt` (a text or messages), `messages`, `conversations` or `instruction` with `input`; a `system`
prompt may stand beside it. The two answers may also be called `before` and `after`, or `original` and `edited`. Each
run of changes is one steer, in the context of the corrected answer so far (`formats.align`); what was not changed was
let stand.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import answers
from midcourse.formats.item import ABOUT, Item, Native
from midcourse.formats.messages import conversation

TITLE = "before/after pairs"

NAMES = (("original", "corrected"), ("original", "edited"), ("before", "after"))
REQUESTS = ("messages", "prompt", "conversations", "instruction")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return any(before in raw and after in raw and not isinstance(raw[after], list) for before, after in NAMES)


def natives(item: Item) -> list[Native]:
    """The line of the pair."""
    raw = item.raw
    before, after = next(((a, b) for a, b in NAMES if a in raw and b in raw), NAMES[0])
    item.known(raw, [before, after, *REQUESTS, "input", "system", *ABOUT])
    request = next((name for name in REQUESTS if raw.get(name) is not None), "prompt")
    messages = asked(item, request)
    original, corrected = item.text(raw, before), item.text(raw, after)
    if messages and messages[-1]["role"] == "assistant":
        item.flaw(request, "ends with an answer; it should end where the answer begins")
    if not corrected and not item.flaws:
        item.flaw(after, "is empty")
    if item.flaws or not item.comparable(after, original, corrected):
        return []
    try:
        output = answers.edited(item.tok, original, corrected, item.reading.gap)
    except SteerError as error:
        item.flaw(after, str(error))
        return []
    if original == corrected:
        item.note("answers are the same before and after: they have no steer")
    return [Native({**item.about(), "messages": messages, "output": output}, {"output": after, "messages": request})]


def asked(item: Item, name: str) -> list[dict[str, Any]]:
    """The conversation that the object's key `name` holds, with its `system` prompt and its `input`."""
    raw = item.raw
    value = raw.get(name)
    if name == "instruction" and isinstance(value, str) and isinstance(raw.get("input"), str) and raw["input"]:
        value = f"{value}\n\n{raw['input']}"
    messages = conversation(item, value, name)
    system = item.text(raw, "system") if raw.get("system") else item.reading.system
    if system and not any(message["role"] == "system" for message in messages):
        messages.insert(0, {"role": "system", "content": system})
    return messages
