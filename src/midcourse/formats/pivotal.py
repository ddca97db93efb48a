"""Pivotal tokens (Phi-4, arXiv 2412.08905) as codelion/pts writes them: one token that decides about an answer.

    {"query": "…", "pivot_context": "…", "pivot_token": " not", "is_positive": false, "prob_delta": -0.4}
    {"event_type": "pivotal_token", "query": "…", "context": "…", "label": " not", "is_positive": false}
    {"prompt": "…", "chosen": " is", "rejected": " not", "metadata": {"original_query": "…"}}

The context is the answer so far, mostly with the query before it, plain or written out with a chat template. A token
that helps is chosen; one that harms is rejected, and without another to choose it is a mark. Sentences
(`thought_anchor`) are read alike. Events inside the model change no token, and what nobody has measured says nothing:
both are left out.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import local, markup, masked
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.local import Side
from midcourse.formats.masked import Part
from midcourse.formats.messages import with_system

TITLE = "pivotal tokens"
EVENTS = ("pivotal_token", "thought_anchor")
OTHERS = "events inside the model, which change no token, are left out"
UNMEASURED = "tokens of which nobody has measured whether they help are left out"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    about = raw.get("metadata")
    return "pivot_token" in raw or "event_type" in raw or (isinstance(about, dict) and "original_query" in about)


def natives(item: Item) -> list[Native]:
    """The line of the token."""
    raw = item.raw
    if raw.get("event_type", EVENTS[0]) not in EVENTS:
        item.note(OTHERS)
        return []
    item.known(raw, ["query", "pivot_context", "pivot_token", "is_positive", "prob_delta", "context", "label", *ABOUT])
    about = raw["metadata"] if isinstance(raw.get("metadata"), dict) else {}
    paired = "chosen" in raw and "rejected" in raw
    if paired:
        context, place = item.text(raw, "prompt"), "chosen"
        query = str(about.get("original_query") or "")
        chosen: Any = item.text(raw, "chosen")
        rejected: Any = item.text(raw, "rejected")
    else:
        names = ("pivot_context", "pivot_token") if "pivot_token" in raw else ("context", "label")
        context, token, query = item.text(raw, names[0]), item.text(raw, names[1]), item.text(raw, "query")
        place, good = names[1], _positive(item)
        if good is None:
            return []
        other = {**about, **raw}.get("rejected_token" if good else "chosen_token")
        chosen, rejected = (token, other) if good else (other, token)
    if item.flaws:
        return []
    messages, before = _begun(item, query, context)
    with_system(item, messages)
    if chosen and rejected:
        sides = local.side(item, str(chosen)), local.side(item, str(rejected))
        try:
            output = local.steer(item, before, sides[0], [sides[1]], whole=False)
        except SteerError as error:
            item.flaw(place, str(error))
            return []
    elif chosen:
        output = masked.output(item.tok, [Part(before, 0), Part(str(chosen), 1)])
    elif rejected:
        output = local.mark(before, Side(str(rejected)))
    else:
        item.flaw(place, "is empty")
        return []
    if not output:
        return []
    return [Native({**item.about(), "messages": messages, "output": output}, {"output": place, "messages": "query"})]


def _positive(item: Item) -> bool | None:
    """Whether the token helps; None where that was not measured, or is no answer."""
    good, delta = item.raw.get("is_positive"), item.raw.get("prob_delta")
    if good is None and isinstance(delta, int | float) and not isinstance(delta, bool):
        return delta > 0
    if isinstance(good, bool):
        return good
    if good is None and delta is None:
        item.note(UNMEASURED)
    elif good is None:
        item.flaw("prob_delta", f"should be a number, not {kind(delta)}")
    else:
        item.flaw("is_positive", f"should be true or false, not {kind(good)}")
    return None


def _begun(item: Item, query: str, context: str) -> tuple[list[dict[str, Any]], str]:
    """The conversation, and the answer so far."""
    if (known := markup.begun(item, context)) is not None:
        return known.messages, context[known.start :]
    if not query:
        return markup.request(item, context)
    asked = [{"role": "user", "content": query}]
    return asked, context[len(query) :].lstrip("\n") if context.startswith(query) else context
