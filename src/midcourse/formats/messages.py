"""Conversations as other tools write them, as messages that a chat template takes.

[{"role": "user", "content": "…"}]                     OpenAI and everybody since
[{"from": "human", "value": "…"}]                       ShareGPT
"…"                                                     a prompt alone
"""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import Item, at, kind

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
SHAREGPT = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "bing": "assistant",
    "chatgpt": "assistant", "bard": "assistant", "model": "assistant", "system": "system", "tool": "tool",
    "observation": "tool", "function_call": "assistant",
}  # fmt: skip
# Keys of a message that a chat template may look at; what else stands there (ids, times, ratings) is left.
_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content")


def conversation(item: Item, value: object, place: str) -> list[dict[str, Any]]:
    """The messages of `value` at `place`; what is no message is a flaw of `item`."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list):
        item.flaw(place, "is missing" if value is None else f"should be a list of messages, not {kind(value)}")
        return []
    if not value:
        item.flaw(place, "is empty")
    found = [message(item, one, f"{place}[{number}]") for number, one in enumerate(value)]
    return [one for one in found if one is not None]


def message(item: Item, value: object, place: str) -> dict[str, Any] | None:
    """The message `value` at `place`; None if it is none, which is a flaw."""
    if not isinstance(value, dict):
        item.flaw(place, f"should be a message, not {kind(value)}")
        return None
    if "from" in value and "role" not in value:
        role = SHAREGPT.get(str(value["from"]).lower())
        if role is None:
            item.flaw(at(place, "from"), f"{value['from']!r} is none of {', '.join(SHAREGPT)}")
            return None
        return {"role": role, "content": item.text(value, "value", place)}
    role = value.get("role")
    if role not in ROLES:
        why = "is missing" if role is None else f"{role!r} is no role; use one of {', '.join(ROLES)}"
        item.flaw(at(place, "role"), why)
        return None
    taken = {key: value[key] for key in _KEYS if value.get(key) is not None}
    if "content" not in taken and not taken.get("tool_calls"):
        item.flaw(at(place, "content"), "is missing")
        return None
    return taken


def with_system(item: Item, messages: list[dict[str, Any]]) -> None:
    """Put the object's system prompt, or the one that was given with it, before messages that have none."""
    system = item.text(item.raw, "system") if item.raw.get("system") else item.reading.system
    if system and not any(message["role"] == "system" for message in messages):
        messages.insert(0, {"role": "system", "content": system})


def said(item: Item, content: object, place: str) -> str:
    """The text of a message's content: a text, or parts of which all are texts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        if all(isinstance(part, str) for part in parts):
            return "".join(map(str, parts))
        item.flaw(place, "holds more than text; only text can be steered")
        return ""
    item.flaw(place, "is missing" if content is None else f"should be a text, not {kind(content)}")
    return ""
