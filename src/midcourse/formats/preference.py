"""Preference pairs of whole answers: a request, an answer that was preferred, and one that was not.

    {"prompt": "…", "chosen": "…", "rejected": "…"}                                 TRL, Axolotl
    {"chosen": [{"role": "user", …}, {"role": "assistant", …}], "rejected": […]}     TRL, the request in both
    {"conversations": […], "chosen": {"from": "gpt", …}, "rejected": {…}}            LLaMA-Factory
    {"instruction": "…", "input": "…", "chosen": "…", "rejected": "…"}               LLaMA-Factory, Alpaca
    {"chosen": "\\n\\nHuman: …\\n\\nAssistant: …", "rejected": "…"}                       Anthropic's hh-rlhf

The two answers are trimmed to where they part: what they share is context, and the rest is one steer. A prompt in
which a chat template is written out is taken apart again, and an answer that it begins stays the answer's beginning.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import answers, markup
from midcourse.formats.item import ABOUT, Item, Native
from midcourse.formats.messages import conversation, message, said
from midcourse.formats.pairs import REQUESTS, asked

TITLE = "preference pairs"
SIDES = ("chosen", "rejected")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return raw.keys() >= set(SIDES)


def natives(item: Item) -> list[Native]:
    """The line of the pair."""
    raw = item.raw
    item.known(raw, [*SIDES, *REQUESTS, "conversation", "before", "input", "history", "system", *ABOUT])
    sides = {name: _side(item, name) for name in SIDES}
    if item.flaws:
        return []
    messages, before = _request(item, sides)
    if not messages and not item.flaws:
        item.flaw(None, "there is no request: neither a prompt nor messages before the answers")
    if item.flaws:
        return []
    good, bad = (_answer(item, name, sides[name]) for name in SIDES)
    if item.flaws:
        return []
    if good == bad:
        item.note("pairs whose answers are the same say nothing and are left out")
        return []
    try:
        output = answers.parted(item.tok, before + good, [before + bad])
    except SteerError as error:
        item.flaw("chosen", str(error))
        return []
    name = next((one for one in REQUESTS if raw.get(one) is not None), "chosen")
    return [Native({**item.about(), "messages": messages, "output": output}, {"output": "chosen", "messages": name})]


def _side(item: Item, name: str) -> list[dict[str, Any]] | str:
    """An answer as it is given: a text, or messages of which it is the last."""
    value = item.raw[name]
    if isinstance(value, dict):
        one = message(item, value, name)
        return [one] if one else ""
    if isinstance(value, list):
        return conversation(item, value, name)
    return item.text(item.raw, name)


def _request(item: Item, sides: dict[str, list[dict[str, Any]] | str]) -> tuple[list[dict[str, Any]], str]:
    """The messages before the answers, and what the answer begins with already."""
    raw, chosen, rejected = item.raw, sides["chosen"], sides["rejected"]
    if isinstance(raw.get("conversation"), list):
        return conversation(item, raw["conversation"], "conversation"), str(raw.get("before") or "")
    if isinstance(chosen, list) and isinstance(rejected, list) and len(chosen) > 1:
        if chosen[:-1] != rejected[:-1]:
            item.flaw("rejected", "has other messages before its answer than chosen")
        found, before = chosen[:-1], ""
    elif (name := next((one for one in REQUESTS if raw.get(one) is not None), None)) is not None:
        if isinstance(raw[name], str) and (turns := markup.turns(raw[name])):
            return _written(raw[name], turns)
        found, before = asked(item, name), ""
        first = int(bool(found) and found[0]["role"] == "system")
        found[first:first] = _history(item)
        if found and found[-1]["role"] == "assistant":
            before = said(item, found.pop().get("content"), name)
    elif isinstance(chosen, str) and (turns := markup.turns(chosen)):
        found, before = _written(chosen, turns)[0], ""
    else:
        return [], ""
    system = raw.get("system") or item.reading.system
    if isinstance(system, str) and system and not any(one["role"] == "system" for one in found):
        found = [{"role": "system", "content": system}, *found]
    return found, before


def _history(item: Item) -> list[dict[str, Any]]:
    """Earlier turns as Alpaca files have them: pairs of what was asked and answered."""
    found: list[dict[str, Any]] = []
    for number, pair in enumerate(item.items(item.raw, "history") if item.raw.get("history") else []):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
            item.flaw(f"history[{number}]", "should be two texts: what was asked, and the answer")
            continue
        found += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return found


def _written(text: str, turns: list[markup.Part]) -> tuple[list[dict[str, Any]], str]:
    """The messages that a template has written out, and the answer that it has begun."""
    before = ""
    if turns[-1].role == "assistant":
        before = text[turns[-1].start : turns[-1].stop]
        turns = turns[:-1]
    return [{"role": one.role, "content": text[one.start : one.stop].strip()} for one in turns], before


def _answer(item: Item, name: str, side: list[dict[str, Any]] | str) -> str:
    """The text of the answer itself."""
    if isinstance(side, list):
        if not side or side[-1]["role"] != "assistant":
            item.flaw(name, "should end with an answer of the assistant")
            return ""
        return said(item, side[-1].get("content"), name)
    whole = not any(item.raw.get(one) is not None for one in (*REQUESTS, "conversation"))
    turns = markup.turns(side) if whole else []
    return side[turns[-1].start : turns[-1].stop] if turns else side
