"""Pivotal tokens (Phi-4, arXiv 2412.08905; the tool `pts`): at one place of an answer, the token that decides it.

    {"query": "…", "pivot_context": "…", "pivot_token": " Wait", "is_positive": true}
    {"event_type": "pivotal_token", "query": "…", "context": "…", "label": " Wait", "is_positive": false}

A token that helps is chosen, one that hurts is rejected; `chosen_token` or `rejected_token` beside it says the other
side. Sentences (`thought_anchor`) are read alike. The context is the answer so far; where it begins with the query,
that is the request. What nobody has measured (`is_positive` is null) is left out.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats import markup
from midcourse.formats.item import ABOUT, Item, Native, kind

TITLE = "pivotal tokens"
EVENTS = ("pivotal_token", "thought_anchor")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return "pivot_context" in raw or ("event_type" in raw and "label" in raw)


def natives(item: Item) -> list[Native]:
    """The line of the token."""
    raw = item.raw
    context, token = ("pivot_context", "pivot_token") if "pivot_context" in raw else ("context", "label")
    item.known(raw, ["query", context, token, "is_positive", "prob_delta", "chosen_token", "rejected_token", *ABOUT])
    if raw.get("event_type", EVENTS[0]) not in EVENTS:
        item.note("events inside the model, which change no token, are left out")
        return []
    helps = raw.get("is_positive")
    if helps is None and isinstance(raw.get("prob_delta"), int | float):
        helps = raw["prob_delta"] > 0
    if helps is None:
        item.note("tokens of which nobody has measured whether they help are left out")
        return []
    if not isinstance(helps, bool):
        item.flaw("is_positive", f"should be true or false, not {kind(helps)}")
    query, before, said = item.text(raw, "query"), item.text(raw, context), item.text(raw, token)
    other = "rejected_token" if helps else "chosen_token"
    against = item.text(raw, other) if raw.get(other) else ""
    if item.flaws:
        return []
    steer = {"chosen": said} if helps else {"rejected": said}
    if against:
        steer["rejected" if helps else "chosen"] = against
    messages = [{"role": "user", "content": query}]
    if item.reading.system:
        messages.insert(0, {"role": "system", "content": item.reading.system})
    model = raw.get("model_id")
    about = {"model": model} if isinstance(model, str) else {}
    answer = so_far(before, query)
    line = {**about, **item.about(), "messages": messages, "output": [*([answer] if answer else []), steer]}
    return [Native(line, {"output": token, "messages": "query"})]


def so_far(context: str, query: str) -> str:
    """The answer's part of `context`: behind a template's last mark, or behind the query."""
    if (turns := markup.turns(context)) and turns[-1].role == "assistant":
        return context[turns[-1].start :]
    return context[len(query) :].lstrip("\n") if context.startswith(query) else context
