"""LM Studio: a conversation file (`….conversation.json`), in which a message has versions.

    {"name": "…", "systemPrompt": "…", "messages": [
        {"versions": [{"type": "singleStep", "role": "user", "content": [{"type": "text", "text": "…"}]}],
         "currentlySelected": 0},
        {"versions": [{"type": "multiStep", "role": "assistant",
                       "steps": [{"type": "contentBlock", "content": [{"type": "text", "text": "…"}]}]}, …],
         "currentlySelected": 1}]}

The version that is selected was kept, the others were generated before or after it. Steps of thinking, of tools and of
debugging are not part of an answer.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import Item, Native, kind
from midcourse.formats.messages import ROLES
from midcourse.formats.versions import Turn, steered

TITLE = "LM Studio conversations"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    messages = raw.get("messages")
    return isinstance(messages, list) and any(isinstance(one, dict) and "versions" in one for one in messages)


def natives(item: Item) -> list[Native]:
    """A line for each answer that has another version."""
    turns = []
    system = item.raw.get("systemPrompt") or _setting(item.raw, "llm.prediction.systemPrompt")
    if isinstance(system, str) and system:
        turns.append(Turn({"role": "system", "content": system}, "systemPrompt"))
    for number, raw in enumerate(item.items(item.raw, "messages")):
        place = f"messages[{number}]"
        if not isinstance(raw, dict):
            item.flaw(place, f"should be a message with versions, not {kind(raw)}")
            continue
        versions, chosen = item.items(raw, "versions", place), raw.get("currentlySelected", 0)
        if not isinstance(chosen, int) or isinstance(chosen, bool) or not 0 <= chosen < len(versions):
            item.flaw(f"{place}.currentlySelected", f"should be one of the {len(versions)} versions, counted from 0")
            continue
        texts = [_text(item, version, f"{place}.versions[{which}]") for which, version in enumerate(versions)]
        role = versions[chosen].get("role") if isinstance(versions[chosen], dict) else None
        if role not in ROLES:
            item.flaw(f"{place}.versions[{chosen}].role", f"{role!r} is no role; use one of {', '.join(ROLES)}")
            continue
        others = [text for which, text in enumerate(texts) if which != chosen]
        turns.append(Turn({"role": role, "content": texts[chosen]}, place, others=others))
    return [] if item.flaws else steered(item, turns)


def _text(item: Item, version: object, place: str) -> str:
    """What a version says, without its thinking and its tools."""
    if not isinstance(version, dict):
        item.flaw(place, f"should be a version, not {kind(version)}")
        return ""
    if version.get("type") != "multiStep" and "steps" not in version:
        return _parts(item, version.get("content"), f"{place}.content")
    said = ""
    for number, step in enumerate(item.items(version, "steps", place)):
        if not isinstance(step, dict):
            item.flaw(f"{place}.steps[{number}]", f"should be a step, not {kind(step)}")
        elif step.get("type") == "contentBlock":
            if isinstance(step.get("style"), dict) and step["style"].get("type") == "thinking":
                item.note("answers lose their thinking")
            else:
                said += _parts(item, step.get("content"), f"{place}.steps[{number}].content")
    return said


def _parts(item: Item, content: object, place: str) -> str:
    """The texts of a content; files and calls of tools are left out."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        item.flaw(place, "is missing" if content is None else f"should be a list of parts, not {kind(content)}")
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        item.flaw(place, "has a part of text without its text")
        return ""
    return "".join(map(str, texts))


def _setting(raw: dict[str, Any], key: str) -> object:
    """A setting of the conversation by its key."""
    config = raw.get("perChatPredictionConfig")
    fields = config.get("fields") if isinstance(config, dict) else None
    return next((one.get("value") for one in fields or () if isinstance(one, dict) and one.get("key") == key), None)
