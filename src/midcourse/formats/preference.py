"""Whole answers of which one is better, as TRL, UltraFeedback and many others have them.

    {"prompt": "…", "chosen": "…", "rejected": "…"}                          a text, written out or not
    {"prompt": [messages], "chosen": [messages], "rejected": [messages]}     conversations
    {"chosen": [messages], "rejected": [messages]}                           the prompt is what both share

`chosen` and `rejected` may repeat the prompt (UltraFeedback) and hold it alone (Anthropic's `Human:`/`Assistant:`).
`question` or `instruction` may stand for the prompt, `system` beside it. A pair is one steer, at the place where its
answers part; nothing says which of all that follows there was better, so all of it is chosen, and rejected.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import local, markup
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.local import Side
from midcourse.formats.messages import conversation, said, with_system

TITLE = "preference pairs"
REQUESTS = ("prompt", "question", "query", "instruction")
REPEATS = 16  # characters: a shorter prompt may well be how an answer begins
REPEATED = "answers repeat the prompt on both sides: it is taken off"
FURTHER = "conversations go on after the answers that part: what follows there is left out"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return "chosen" in raw and "rejected" in raw


def natives(item: Item) -> list[Native]:
    """The line of the pair."""
    raw = item.raw
    item.known(raw, ["chosen", "rejected", *REQUESTS, "input", "system", *ABOUT])
    for name in ("chosen", "rejected"):
        if not isinstance(raw.get(name), (str, list, dict)):
            item.flaw(name, "is missing" if raw.get(name) is None else f"should be an answer, not {kind(raw[name])}")
    if item.flaws:
        return []
    if (known := local.from_ids(item, ("chosen_ids", "rejected_ids"))) is not None:
        return [Native({**item.about(), "messages": known[0], "output": known[1]})]
    request = next((name for name in REQUESTS if raw.get(name) is not None), None)
    texts = isinstance(raw["chosen"], str) and isinstance(raw["rejected"], str)
    found = _texts(item, request) if texts else _conversations(item, request)
    return [] if found is None or item.flaws else paired(item, *found, request or "chosen")


def paired(
    item: Item, messages: list[dict[str, Any]], before: str, chosen: Side, rejected: Side, request: str
) -> list[Native]:
    """The line of two answers to `messages` that begin with `before`. `request` is what those are called."""
    with_system(item, messages)
    if messages[-1:] and messages[-1]["role"] == "assistant":
        item.flaw(request, "ends with an answer; it should end where the answer begins")
    for name, side in (("chosen", chosen), ("rejected", rejected)):
        if not (side.text or side.end):
            item.flaw(name, "is empty")
    if item.flaws:
        return []
    try:
        output = local.steer(item, before, chosen, [rejected], whole=not local.ours(item.raw))
    except SteerError as error:
        item.flaw("chosen", str(error))
        return []
    if not output:
        return []
    return [Native({**item.about(), "messages": messages, "output": output}, {"output": "chosen", "messages": request})]


def prompted(item: Item, name: str) -> tuple[list[dict[str, Any]], str]:
    """The conversation that `name` asks with, and what of the answer stands in it already."""
    value = item.raw[name]
    if isinstance(value, str):
        if name == "instruction" and isinstance(item.raw.get("input"), str) and item.raw["input"]:
            value = f"{value}\n\n{item.raw['input']}"
        return markup.request(item, value)
    messages = conversation(item, value, name)
    if messages and messages[-1]["role"] == "assistant":  # TRL goes on with it
        return messages[:-1], said(item, messages[-1].get("content"), f"{name}[{len(messages) - 1}].content")
    return messages, ""


Found = tuple[list[dict[str, Any]], str, Side, Side]


def _texts(item: Item, request: str | None) -> Found | None:
    """Answers as texts, with a prompt or with all of the conversation written out in both."""
    chosen, rejected = (local.side(item, item.raw[name]) for name in ("chosen", "rejected"))
    if request is not None and (ours := local.from_texts(item)) is not None:
        return (*ours, chosen, rejected)
    both = markup.begun(item, chosen.text), markup.begun(item, rejected.text)
    written = all(one is not None and one.messages for one in both)  # then the prompt stands in both, too
    if request is not None and not (written and both[0].messages == both[1].messages):  # type: ignore[union-attr]
        asked = item.raw[request]
        said = asked if isinstance(asked, str) and len(asked) >= REPEATS else None
        if said is not None and chosen.text.startswith(said) and rejected.text.startswith(said):
            item.note(REPEATED)
            chosen, rejected = (one._replace(text=one.text[len(said) :]) for one in (chosen, rejected))
        sides = [one._replace(text=markup.bare(asked, one.text)) for one in (chosen, rejected)]
        return (*prompted(item, request), sides[0], sides[1])
    if both[0] is None or both[1] is None:
        side = "chosen" if both[0] is None else "rejected"
        item.flaw(side, "has no prompt: give one, or write the whole conversation out in both answers")
        return None
    if both[0].messages != both[1].messages:
        item.flaw("rejected", "answers another conversation than chosen; give a prompt that both answer")
        return None
    sides = [one._replace(text=one.text[at.start :]) for one, at in zip((chosen, rejected), both, strict=True) if at]
    return both[0].messages, "", sides[0], sides[1]


def _conversations(item: Item, name: str | None) -> Found | None:
    """Answers as messages. What both begin with is asked; it may stand in the prompt, too."""
    sides = []
    for side in ("chosen", "rejected"):
        value = item.raw[side]
        if isinstance(value, str):
            value = [{"role": "assistant", "content": value}]
        one = isinstance(value, dict)
        sides.append(conversation(item, [value] if one else value, side))
    if item.flaws:
        return None
    chosen, rejected = sides
    shared = next((n for n, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b), None)
    shared = min(len(chosen), len(rejected)) if shared is None else shared
    if shared == len(chosen) or shared == len(rejected):
        shared = max(shared - 1, 0)  # the same on both sides, or one goes on
    messages, before = prompted(item, name) if name is not None else ([], "")
    if any(message["role"] == "user" for message in chosen[:shared]):  # the prompt is in both
        instructed = any(message["role"] == "system" for message in chosen[:shared])
        messages, before = [one for one in messages if one["role"] == "system" and not instructed], ""
    for side, turns in (("chosen", chosen), ("rejected", rejected)):
        if turns[shared]["role"] != "assistant":
            item.flaw(f"{side}[{shared}].role", "should be assistant: here the two part, and only answers may")
    if not messages and not shared:
        item.flaw("prompt", "is missing, and chosen and rejected share no message")
    if item.flaws:
        return None
    if len(chosen) > shared + 1 or len(rejected) > shared + 1:
        item.note(FURTHER)
    texts = [
        said(item, turns[shared].get("content"), f"{side}[{shared}].content")
        for side, turns in (("chosen", chosen), ("rejected", rejected))
    ]
    return [*messages, *chosen[:shared]], before, local.side(item, texts[0]), local.side(item, texts[1])
