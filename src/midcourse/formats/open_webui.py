"""Open WebUI: chats as "Export Chats" writes them, a tree of messages each.

    [{"id": "…", "title": "…", "chat": {"models": ["…"], "history": {"currentId": "c", "messages": {
        "a": {"id": "a", "parentId": null, "childrenIds": ["b", "c"], "role": "user", "content": "…"},
        "b": {"id": "b", "parentId": "a", "childrenIds": [], "role": "assistant", "content": "…"},
        "c": {"id": "c", "parentId": "a", "childrenIds": [], "role": "assistant", "content": "…"}}}}}]

The conversation is the way to `currentId`. An answer's siblings are answers that were generated again, or the one that
was kept when an edit was saved as a copy; `originalContent` is what stood there before an edit that was saved in its
place. Answers of other models, asked at the same time, were not rejected by anybody and are left out, as are the folded
parts of an answer (reasoning, tool calls), which are not what the model wrote.
"""

from __future__ import annotations

import re
from typing import Any

from midcourse.formats.item import Item, Native, kind
from midcourse.formats.messages import message
from midcourse.formats.versions import Turn, steered

TITLE = "Open WebUI chats"
EMPTY = "chats in which nothing was said are left out"
_FOLDED = re.compile(r'<details type="(?:reasoning|tool_calls|code_interpreter)"[^>]*>.*?</details>\n*', re.DOTALL)


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(_history(raw).get("messages"), dict)


def natives(item: Item) -> list[Native]:
    """A line for each answer of the current conversation that has another version."""
    place = "chat.history" if isinstance(item.raw.get("chat"), dict) else "history"
    history = _history(item.raw)
    messages = history.get("messages")
    if not isinstance(messages, dict):
        item.flaw(f"{place}.messages", f"should be an object of messages, not {kind(messages)}")
        return []
    if not messages:
        item.note(EMPTY)
        return []
    way = _way(item, messages, history.get("currentId"), place)
    turns = [_turn(item, messages, messages[id], f"{place}.messages.{id}") for id in way]
    found = [turn for turn in turns if turn is not None]
    if found and (system := _system(item.raw)):
        found.insert(0, Turn({"role": "system", "content": system}, place))
    return [] if item.flaws else steered(item, found)


def _system(raw: dict[str, Any]) -> str:
    """The system prompt of a chat that has one of its own."""
    chat = raw["chat"] if isinstance(raw.get("chat"), dict) else raw
    params = chat.get("params")
    system = (params.get("system") if isinstance(params, dict) else None) or chat.get("system")
    return system if isinstance(system, str) else ""


def _history(raw: dict[str, Any]) -> dict[str, Any]:
    chat = raw.get("chat")
    history = chat.get("history") if isinstance(chat, dict) else raw.get("history")
    return history if isinstance(history, dict) else {}


def _way(item: Item, messages: dict[str, Any], current: object, place: str) -> list[str]:
    """The ids from the first message to the current one."""
    way: list[str] = []
    while current is not None:
        if not isinstance(current, str) or not isinstance(messages.get(current), dict):
            where = f"{place}.messages.{way[-1]}.parentId" if way else f"{place}.currentId"
            item.flaw(where, f"there is no message {current!r}")
            return []
        if current in way:
            item.flaw(f"{place}.messages.{current}.parentId", "goes round in a circle")
            return []
        way.append(current)
        current = messages[current].get("parentId")
    if not way:
        item.flaw(f"{place}.currentId", "is missing")
    return way[::-1]


def _turn(item: Item, messages: dict[str, Any], raw: dict[str, Any], place: str) -> Turn | None:
    said = message(item, raw, place)
    if said is None or said["role"] != "assistant" or not isinstance(said.get("content"), str):
        return None if said is None else Turn(said, place)
    said["content"] = _own(item, said["content"])
    original = raw.get("originalContent")
    edited = [_own(item, original)] if isinstance(original, str) else []
    others = []
    for other in messages.values():
        if not isinstance(other, dict) or other is raw or other.get("role") != "assistant":
            continue
        if other.get("parentId") != raw.get("parentId") or not isinstance(other.get("content"), str):
            continue
        if other.get("model") != raw.get("model"):
            item.note("answers of another model beside the one that was kept are left out")
        elif other.get("error"):
            item.note("answers that ended in an error are left out")
        else:
            others.append(_own(item, other["content"]))
    return Turn(said, place, edited, others)


def _own(item: Item, text: str) -> str:
    """What the model itself wrote of a message."""
    own = _FOLDED.sub("", text)
    if own != text:
        item.note("answers lose what is folded away in them (reasoning, tool calls)")
    return own
