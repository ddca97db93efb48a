"""Fine-tuning and preference data of ms-swift, with a loss for each message.

    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…", "loss": false},
                  {"role": "assistant", "content": "…", "loss": true, "loss_scale": 2.0}]}
    {"messages": […, an answer], "rejected_response": "…"}
    {"messages": […, an answer], "rejected_messages": […, another answer]}
    {"messages": […, an answer], "label": true}

Messages of the assistant that follow each other are one answer in parts. Without a `loss` a part is trained, as by
default there; `loss_scale` is a weight. The end of the answer goes with its last part, unless `add_eos` is false. In
pairs, parts without a loss at the beginning of both sides are the answer so far, and the sides part after them.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import local, markup, masked
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.kto import judged
from midcourse.formats.local import Side
from midcourse.formats.masked import Answer, Part
from midcourse.formats.messages import message, said, with_system
from midcourse.formats.preference import FURTHER

TITLE = "ms-swift's messages"
REJECTED = ("rejected_messages", "rejected_response")
LATER = "pairs train several parts of an answer: only the first is where they part, and comes in"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    turns = raw.get("messages")
    if not isinstance(turns, list):
        return False
    if raw.keys() & set(REJECTED) or isinstance(raw.get("label"), bool):
        return True
    return any(isinstance(turn, dict) and turn.keys() & {"loss", "loss_scale"} for turn in turns)


def natives(item: Item) -> list[Native]:
    """The line of the object."""
    raw = item.raw
    item.known(raw, ["messages", *REJECTED, "label", "add_eos", "system", *ABOUT])
    paired = any(raw.get(name) is not None for name in REJECTED)  # then an end counts only where a mark says it
    chosen = _conversation(item, raw.get("messages"), "messages", implied=not paired)
    if raw.get("rejected_messages") is not None:
        sides = [_conversation(item, raw["rejected_messages"], "rejected_messages", implied=False)]
        return [] if item.flaws else _pair(item, chosen, sides)
    if raw.get("rejected_response") is not None:
        found = raw["rejected_response"]
        texts = found if isinstance(found, list) and all(isinstance(one, str) for one in found) else [found]
        if not texts or not all(isinstance(one, str) and one for one in texts):
            item.flaw("rejected_response", f"should be a text, or several, not {kind(found)}")
        if item.flaws:
            return []
        sides = [[*chosen[:-1], Answer({"role": "assistant"}, _ended(item, [Part(text, 1)]))] for text in texts]
        return _pair(item, chosen, sides)
    if isinstance(raw.get("label"), bool) and chosen and not item.flaws:
        if not chosen[-1].parts:
            item.flaw("messages", "ends without an answer, which label is about")
            return []
        messages = [one.message for one in chosen[:-1]]
        return judged(item, messages, "", _text(chosen[-1]), raw["label"], "messages")
    if item.flaws:
        return []
    if local.halved(item, *map(_text, chosen)):
        return []
    messages, before = _asked(item, chosen)
    answers = [Answer(one) for one in messages] + chosen[len(_before(chosen)) :] if before is not None else chosen
    if before:
        first = answers[len(messages)]
        answers[len(messages)] = Answer(first.message, [Part(before, 0), *first.parts])
    return masked.lines(item, answers, "messages")


def _conversation(item: Item, value: object, name: str, *, implied: bool) -> list[Answer]:
    """The messages of `value`, those of the assistant that follow each other as one answer in parts."""
    if not isinstance(value, list) or not value:
        item.flaw(name, "is missing" if value is None else "should be a list of messages, and not empty")
        return []
    turns: list[tuple[dict[str, Any], list[Part]]] = []
    for number, raw in enumerate(value):
        place = f"{name}[{number}]"
        if isinstance(raw, dict):
            item.known(raw, ["role", "content", "loss", "loss_scale"], place)
        role = {"tool_response": "tool", "tool_call": "assistant"}.get(str(isinstance(raw, dict) and raw.get("role")))
        made = message(item, {**raw, "role": role} if role else raw, place)
        if made is not None:
            weight = _weight(item, raw, place)
            answer = made["role"] == "assistant"
            text = said(item, made.get("content"), f"{place}.content") if answer else ""
            turns.append((made, [Part(text, weight)] if answer else []))
    found: list[Answer] = []
    for role, group in groupby(turns, key=lambda turn: turn[0]["role"]):
        together = list(group)
        if role != "assistant":
            found += [Answer(made) for made, _ in together]
            continue
        parts = [part for _, some in together for part in some]
        parts = _ended(item, parts, implied=implied and item.raw.get("add_eos") is not False)
        text = "".join(part.text for part in parts)
        found.append(Answer({"role": "assistant", "content": text}, parts))
    return found


def _ended(item: Item, parts: list[Part], *, implied: bool = False) -> list[Part]:
    """An answer's parts, with its end as one where the last is trained and a mark stands behind it, or `implied`."""
    last = parts[-1]
    bare, marked = markup.ended(item.tok, last.text)
    end = [Part("", last.weight, end=True)] if last.weight and (marked or implied) else []
    return [*parts[:-1], last._replace(text=bare), *end]


def _weight(item: Item, raw: dict[str, Any], place: str) -> float:
    """How much a part counts."""
    loss, scale = raw.get("loss"), raw.get("loss_scale")
    if loss is not None and (not isinstance(loss, (bool, int, float)) or loss not in (0, 1)):
        item.flaw(f"{place}.loss", f"should be true or false, not {loss!r}")
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, (int, float)) or scale < 0):
        item.flaw(f"{place}.loss_scale", f"should be a number of at least 0, not {scale!r}")
        return 0
    return 0 if loss is not None and not loss else 1 if scale is None else scale


def _pair(item: Item, chosen: list[Answer], others: list[list[Answer]]) -> list[Native]:
    """The line of two or more answers to one conversation."""
    place = next(name for name in REJECTED if item.raw.get(name) is not None)
    start = next((n for n, (a, b) in enumerate(zip(chosen, others[0], strict=False)) if a != b), None)
    if start is None:
        item.note(local.SAME)
        return []
    for name, turns in (("messages", chosen), (place, others[0])):
        if not turns[start].parts:
            item.flaw(name, f"parts from the other side at message {start}, which is no answer: only answers may")
    if item.flaws:
        return []
    if len(chosen) > start + 1 or any(len(other) > start + 1 for other in others):
        item.note(FURTHER)
    messages, begun = _asked(item, chosen[: start + 1])
    with_system(item, messages)
    sides = [_side(item, side[start]) for side in (chosen, *others)]
    so_far = sides[0][0]
    if any(before != so_far for before, _ in sides):
        so_far, sides = "", [("", side._replace(text=before + side.text)) for before, side in sides]
    try:
        bad = [side for _, side in sides[1:]]
        output = local.steer(
            item, (begun or "") + so_far, sides[0][1], bad, whole=not so_far and not local.ours(item.raw)
        )
    except SteerError as error:
        item.flaw(place, str(error))
        return []
    return [] if not output else [Native({**item.about(), "messages": messages, "output": output}, {"output": place})]


def _side(item: Item, answer: Answer) -> tuple[str, Side]:
    """What of an answer has no loss at its beginning, and what is trained then."""
    before, found, over = "", Side(""), False
    for part in answer.parts:
        if part.weight and not over:
            found = Side(found.text + part.text, part.end)
        elif found.text:
            over = True
            if part.weight:
                item.note(LATER)
                break
        else:
            before += part.text
    return before, found


def _text(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts)


def _before(answers: list[Answer]) -> list[Answer]:
    """The messages before the first answer with parts."""
    count = next((n for n, one in enumerate(answers) if one.parts), len(answers))
    return answers[:count]


def _asked(item: Item, answers: list[Answer]) -> tuple[list[dict[str, Any]], str | None]:
    """The conversation before the last answer, and, where a template had written it out into one message (as our own
    export does), what stands there of the answer; else None."""
    messages = [one.message for one in answers[:-1]]
    if len(messages) == 1 and messages[0]["role"] == "user" and isinstance(messages[0].get("content"), str):
        text = messages[0]["content"]
        if (known := markup.begun(item, text)) is not None:
            return known.messages, text[known.start :]
    return messages, None
