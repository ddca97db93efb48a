"""Marks of whole answers, as KTO (arXiv 2402.01306) takes them: an answer, and whether it is desirable.

    {"prompt": "…", "completion": "…", "label": false}

An answer that is not is rejected as it is, and nobody said what would have been right: a mark. One that is stands,
which objectives such as `accepted` learn from. `messages` with `kto_tag` (LLaMA-Factory) and conversational prompts and
completions (TRL) are read too.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats import markup
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.messages import conversation, said
from midcourse.formats.pairs import REQUESTS, asked

TITLE = "marks of answers"
LABELS = ("label", "kto_tag")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    labelled = any(isinstance(raw.get(name), bool) for name in LABELS)
    return labelled and ("completion" in raw or any(isinstance(raw.get(name), list) for name in REQUESTS))


def natives(item: Item) -> list[Native]:
    """The line of the answer."""
    raw = item.raw
    label = next((name for name in LABELS if name in raw), LABELS[0])
    item.known(raw, [label, "completion", "conversation", "before", *REQUESTS, "input", "system", *ABOUT])
    good = raw.get(label)
    if not isinstance(good, bool):
        item.flaw(label, "is missing" if good is None else f"should be true or false, not {kind(good)}")
    name = next((one for one in REQUESTS if raw.get(one) is not None), "prompt")
    before = ""
    if isinstance(raw.get("conversation"), list):
        messages, before = conversation(item, raw["conversation"], "conversation"), str(raw.get("before") or "")
    elif isinstance(raw.get(name), str) and (turns := markup.turns(raw[name])):
        last = turns[-1]
        before = raw[name][last.start : last.stop] if last.role == "assistant" else ""
        kept = turns[:-1] if last.role == "assistant" else turns
        messages = [{"role": one.role, "content": raw[name][one.start : one.stop].strip()} for one in kept]
    else:
        messages = asked(item, name)
    place = "completion" if "completion" in raw else name
    if place == "completion":
        value = raw["completion"]
        if isinstance(value, list):
            value = next((one.get("content") for one in value[-1:] if isinstance(one, dict)), None)
        answer = said(item, value, place)
    elif messages and messages[-1]["role"] == "assistant":
        answer = said(item, messages.pop().get("content"), name)
    else:
        item.flaw(name, "should end with the answer that is marked, or a completion should stand beside it")
        answer = ""
    if not answer and not item.flaws:
        item.flaw(place, "is empty")
    if item.flaws:
        return []
    said_before = [before] if before else []
    output: list[Any] = [before + answer] if good else [*said_before, {"rejected": answer}]
    return [Native({**item.about(), "messages": messages, "output": output}, {"output": place, "messages": name})]
