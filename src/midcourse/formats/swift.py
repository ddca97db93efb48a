"""ms-swift: messages of the assistant with their own `loss` or `loss_scale`, and rejected ones beside them.

    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…", "loss": false},
                  {"role": "assistant", "content": "…", "loss": true}],
     "rejected_messages": […], "rejected_response": "…"}

Consecutive messages of the assistant are one answer. For preferences the answer is trimmed to where the rejected one
parts from it. Nothing is said of an answer's end, which ms-swift adds by itself.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import answers
from midcourse.formats.item import ABOUT, Item, Native, at
from midcourse.formats.messages import conversation, message
from midcourse.formats.parts import Piece, masked

TITLE = "ms-swift"
LOSSES = ("loss", "loss_scale")
REJECTED = ("rejected_messages", "rejected_response")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    messages = raw.get("messages")
    if not isinstance(messages, list):
        return False
    return any(name in raw for name in REJECTED) or any(
        isinstance(one, dict) and any(name in one for name in LOSSES) for one in messages
    )


def natives(item: Item) -> list[Native]:
    """A line for each answer with a loss, or the one for the pair."""
    raw = item.raw
    item.known(raw, ["messages", *REJECTED, "conversation", *ABOUT])
    if any(raw.get(name) is not None for name in REJECTED):
        return _pair(item)
    about, found, so_far = item.about(), list[Native](), list[dict[str, Any]]()
    for role, pieces in _answers(item, "messages"):
        if role == "assistant" and (output := masked(pieces)) is not None:
            kept = about if not found else {key: value for key, value in about.items() if key != "id"}
            line = {**kept, "messages": _asked(item, so_far), "output": output}
            found.append(Native(line, {"output": "messages"}))
        so_far.append({"role": role, "content": "".join(one.text for one in pieces)})
    if not found and not item.flaws:
        item.note("conversations of which no answer has a loss: nothing of them comes in")
    return [] if item.flaws else found


def _pair(item: Item) -> list[Native]:
    chosen = _answers(item, "messages")
    if item.raw.get("rejected_messages") is not None:
        place = "rejected_messages"
        rejected = _answers(item, place)
        bad = "".join(one.text for one in rejected[-1][1]) if rejected and rejected[-1][0] == "assistant" else ""
    else:
        place = "rejected_response"
        bad = item.text(item.raw, place)
    if not item.flaws and (not chosen or chosen[-1][0] != "assistant"):
        item.flaw("messages", "should end with an answer of the assistant")
    if not item.flaws and not bad:
        item.flaw(place, "has no answer")
    if item.flaws:
        return []
    good = "".join(one.text for one in chosen[-1][1])
    so_far = [{"role": role, "content": "".join(one.text for one in pieces)} for role, pieces in chosen[:-1]]
    if good == bad:
        item.note("pairs whose answers are the same say nothing and are left out")
        return []
    try:
        output = answers.parted(item.tok, good, [bad])
    except SteerError as error:
        item.flaw("messages", str(error))
        return []
    return [Native({**item.about(), "messages": _asked(item, so_far), "output": output}, {"output": "messages"})]


def _asked(item: Item, so_far: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conversation before an answer: what stands beside it as `conversation`, or the messages before it."""
    given = item.raw.get("conversation")
    if isinstance(given, list):
        return conversation(item, given, "conversation")
    if item.reading.system and not any(one["role"] == "system" for one in so_far):
        return [{"role": "system", "content": item.reading.system}, *so_far]
    return list(so_far)


def _answers(item: Item, name: str) -> list[tuple[str, list[Piece]]]:
    """The turns of the list `name`, each in pieces with how much they count."""
    found: list[tuple[str, Piece]] = []
    for number, value in enumerate(item.items(item.raw, name)):
        place = f"{name}[{number}]"
        one = message(item, value, place)
        if one is None:
            continue
        if not isinstance(one.get("content"), str):
            item.flaw(at(place, "content"), "should be a text")
            continue
        found.append((one["role"], Piece(one["content"], _weight(item, value, place))))
    return [(role, [piece for _, piece in group]) for role, group in groupby(found, key=lambda each: each[0])]


def _weight(item: Item, value: dict[str, Any], place: str) -> float:
    loss, scale = value.get("loss"), value.get("loss_scale")
    if loss is not None and not isinstance(loss, bool):
        item.flaw(at(place, "loss"), f"should be true or false, not {loss!r}")
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int | float) or scale < 0):
        item.flaw(at(place, "loss_scale"), f"should be a number from 0 on, not {scale!r}")
        return 0.0
    if loss is False:
        return 0.0
    return float(scale) if scale is not None else float(loss is True)
