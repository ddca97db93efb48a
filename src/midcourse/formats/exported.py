"""What Midcourse exported as Parquet: traces, each a line of our own format, or a table with a row for each steer."""

from __future__ import annotations

import json
from typing import Any

from midcourse.formats.item import Item, Native
from midcourse.formats.messages import conversation
from midcourse.json_lines import Broken, parse

TITLE = "traces or steers that Midcourse exported as Parquet"
TABLE = ("kind", "conversation", "before", "chosen", "rejected", "end", "rejected_ends")
ABOUT = ("reason", "tags", "serves", "author", "created")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("native"), str) or raw.keys() >= set(TABLE)


def natives(item: Item) -> list[Native]:
    """The line that the row holds, or one of an answer that breaks off after the row's steer."""
    if "native" not in item.raw:
        return _steer(item)
    text = item.text(item.raw, "native")
    if item.flaws:
        return []
    found = parse(text.encode())
    if isinstance(found, Broken):
        item.flaw("native", found.message)
        return []
    if not isinstance(found.value, dict):
        item.flaw("native", "is no JSON object")
        return []
    return [Native(found.value)]


def _steer(item: Item) -> list[Native]:
    raw = item.raw
    messages = conversation(item, raw["conversation"], "conversation")
    before, rejected, ends = item.text(raw, "before"), item.items(raw, "rejected"), item.items(raw, "rejected_ends")
    if not item.flaws and len(ends) != len(rejected):
        item.flaw("rejected_ends", f"has {len(ends)} entries for {len(rejected)} rejected runs")
    if item.flaws:
        return []
    bad = [{"text": text, "end": True} if end else text for text, end in zip(rejected, ends, strict=True)]
    steer: dict[str, Any] = {name: raw[name] for name in ABOUT if raw.get(name)}
    if bad:
        steer["rejected"] = bad
    if raw["chosen"] is not None:
        steer["chosen"] = raw["chosen"]
    if raw["end"]:
        steer["end"] = True
    if raw.get("weight", 1) != 1:
        steer["weight"] = raw["weight"]
    if raw.get("aside"):
        steer["aside"] = True
    line: dict[str, Any] = {"messages": messages, "output": [*([before] if before else []), steer]}
    if raw.get("model"):
        line["model"] = raw["model"]
    if raw.get("attributes"):
        line["attributes"] = json.loads(raw["attributes"])
    return [Native(line, {"output": "chosen", "messages": "conversation"})]
