"""What Midcourse exported as Parquet: traces, each a line of our own format, or a table with a row for each steer."""

from __future__ import annotations

import json
from typing import Any, get_args

from midcourse.formats import local
from midcourse.formats.item import Item, Native
from midcourse.formats.masked import piece
from midcourse.formats.messages import conversation
from midcourse.json_lines import Broken, parse
from midcourse.trace.display import side
from midcourse.trace.tree import Source

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
    source = raw.get("source") if raw.get("source") in get_args(Source) else None
    exact = _exact(item, messages)
    if exact is None:
        if local.halved(item, before, raw["chosen"] or "", *rejected):
            return []
        bad = [{"text": text, "end": bool(end)} for text, end in zip(rejected, ends, strict=True)]
        exact = [before] if before else [], bad, None if raw["chosen"] is None else {"text": raw["chosen"]}
    so_far, bad, chosen = exact
    steer: dict[str, Any] = {name: raw[name] for name in ABOUT if raw.get(name)}
    if chosen is not None:
        steer["chosen"] = chosen if chosen["text"] or chosen.get("ids") else ""
        if chosen["text"] and source is not None:
            steer["chosen"] = {**chosen, "source": source}
    elif source is not None:
        bad = [{**one, "source": source} for one in bad]
    if bad:
        steer["rejected"] = bad
    if raw["end"]:
        steer["end"] = True
    if raw.get("weight", 1) != 1:
        steer["weight"] = raw["weight"]
    if raw.get("aside"):
        steer["aside"] = True
    line: dict[str, Any] = {"messages": messages, "output": [*so_far, steer]}
    if raw.get("model"):
        line["model"] = raw["model"]
    if raw.get("attributes"):
        line["attributes"] = json.loads(raw["attributes"])
    return [Native(line, {"output": "chosen", "messages": "conversation"})]


Sides = tuple[list[Any], list[dict[str, Any]], dict[str, Any] | None]  # before, rejected and chosen, as pieces


def _exact(item: Item, messages: list[dict[str, Any]]) -> Sides | None:
    """The row's ids, where this model has them and they say what its texts say; texts cannot say half a character."""
    raw, tok = item.raw, item.tok
    context: Any = raw.get("context_ids")
    chosen: Any = raw.get("chosen_ids")
    rejected: list[Any] = raw["rejected_ids"] if isinstance(raw.get("rejected_ids"), list) else [None]
    every = [context, *([] if chosen is None else [chosen]), *rejected]
    if not all(local.are_ids(ids, tok.size) for ids in every):
        return None
    prompt = tok.prompt(messages)
    if context[: len(prompt)] != prompt:
        return None
    answer = context[len(prompt) :]
    said = [local.spelled(tok, answer).rstrip("\ufffd"), *(side(tok, answer, ids) for ids in every[1:])]
    texts = [raw["before"].rstrip("\ufffd"), *([] if chosen is None else [raw["chosen"]]), *raw["rejected"]]
    if said != texts:
        item.note(local.EDITED)
        return None
    begun = [piece(tok, answer)] if answer else []
    return begun, [piece(tok, ids) for ids in rejected], None if chosen is None else piece(tok, chosen)
