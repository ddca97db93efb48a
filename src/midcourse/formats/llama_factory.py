"""Preference pairs and marks as LLaMA-Factory has them.

{"conversations": [turns], "chosen": {"from": "gpt", "value": "…"}, "rejected": {"from": "gpt", "value": "…"}}
{"instruction": "…", "input": "…", "chosen": "…", "rejected": "…", "system": "…", "history": [["…", "…"]]}
{"conversations": [turns, the last an answer], "kto_tag": true}
{"instruction": "…", "input": "…", "output": "…", "kto_tag": false}
"""

from __future__ import annotations

from typing import Any

from midcourse.formats import local, markup
from midcourse.formats.item import ABOUT, Item, Native, at, kind
from midcourse.formats.kto import judged
from midcourse.formats.messages import conversation, message, said
from midcourse.formats.preference import paired

TITLE = "LLaMA-Factory's pairs and marks"
TURNS = ("conversations", "messages")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    if "kto_tag" in raw:
        return True
    if "chosen" not in raw or "rejected" not in raw:
        return False
    return (
        "instruction" in raw
        or "history" in raw
        or (any(isinstance(raw.get(name), list) for name in TURNS) and isinstance(raw["chosen"], dict))
    )


def natives(item: Item) -> list[Native]:
    """The line of the pair, or of the mark."""
    raw = item.raw
    item.known(
        raw, [*TURNS, "instruction", "input", "output", "history", "system", "chosen", "rejected", "kto_tag", *ABOUT]
    )
    name = next((name for name in TURNS if raw.get(name) is not None), "instruction")
    messages = _alpaca(item) if name == "instruction" else conversation(item, raw.get(name), name)
    tagged = "kto_tag" in raw
    if tagged and not isinstance(raw["kto_tag"], bool):
        item.flaw("kto_tag", f"should be true or false, not {kind(raw['kto_tag'])}")
    answer = ""
    if tagged and name == "instruction":
        answer = item.text(raw, "output")
    elif tagged and messages and messages[-1]["role"] == "assistant":
        answer = said(item, messages.pop().get("content"), f"{name}[{len(messages)}].content")
    elif tagged and messages:
        item.flaw(name, "ends without an answer, which kto_tag is about")
    sides = [] if tagged else [_side(item, side) for side in ("chosen", "rejected")]
    if item.flaws:
        return []
    before = ""
    if (ours := local.from_texts(item)) is not None:
        messages, before = ours
    elif (known := markup.begun(item, written := _written(messages))) is not None:  # with the template `empty`
        messages, before = known.messages, written[known.start :]
    if tagged:
        return judged(item, messages, before, answer, raw["kto_tag"], "output" if name == "instruction" else name)
    chosen, rejected = (local.side(item, side) for side in sides)
    return paired(item, messages, before, chosen, rejected, name)


def _alpaca(item: Item) -> list[dict[str, Any]]:
    raw = item.raw
    messages: list[dict[str, Any]] = []
    for number, pair in enumerate(item.items(raw, "history") if raw.get("history") else []):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            item.flaw(f"history[{number}]", "should be a request and its answer, two texts")
            continue
        messages += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    asked = [item.text(raw, "instruction")]
    if raw.get("input"):
        asked.append(item.text(raw, "input"))
    return [*messages, {"role": "user", "content": "\n".join(asked)}]


def _side(item: Item, name: str) -> str:
    """An answer as a text or as a turn."""
    value = item.raw.get(name)
    if not isinstance(value, dict):
        return item.text(item.raw, name)
    turn = message(item, value, name)
    if turn is not None and turn["role"] != "assistant":
        item.flaw(at(name, "from" if "from" in value else "role"), "should be the assistant's")
    return said(item, turn.get("content"), at(name, "content")) if turn else ""


def _written(messages: list[dict[str, Any]]) -> str:
    """Turns that together are one text, with empty answers between them: what our own export writes."""
    if any(message["role"] == "assistant" and message.get("content") for message in messages):
        return ""
    return "".join(str(message.get("content") or "") for message in messages)
