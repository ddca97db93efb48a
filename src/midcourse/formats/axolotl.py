"""Masked fine-tuning as Axolotl has it: segments of text, or conversations of which parts are trained.

    {"segments": [{"label": false, "text": "<s>Hello\\n"}, {"label": true, "text": "Hi there!</s>"}]}
    {"messages": [{"role": "assistant", "content": "…", "train": true}]}
    {"messages": [{"role": "assistant", "content": "…",
                   "train_detail": [{"begin_offset": 0, "end_offset": 14, "train": false}, …]}]}
    {"messages": [{"role": "assistant", "content": [{"text": "…", "train": false}, {"text": "…", "weight": 1}]}]}

Segments are one text, marks of a chat template and all; those are taken out of it. Offsets count characters, and
`end_offset` is the last one, inclusive; what no detail covers is not trained. Without `train` an answer is trained, as
`roles_to_train` says by default, and with it its end (`train_on_eos: turn`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from midcourse.formats import masked, spans
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.masked import Answer, Part
from midcourse.formats.messages import message

TITLE = "Axolotl's segments and offsets"
TURNS = ("messages", "conversations")
TRAINED = ("train", "training")
DETAIL = ("train_detail", "training_detail")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    if isinstance(raw.get("segments"), list):
        return True
    turns: list[Any] = next((raw[name] for name in TURNS if isinstance(raw.get(name), list)), [])
    return any(isinstance(turn, dict) and (turn.keys() & {*TRAINED, *DETAIL} or _parted(turn)) for turn in turns)


def natives(item: Item) -> list[Native]:
    """The line of the object."""
    raw = item.raw
    if "segments" in raw:
        item.known(raw, ["segments", *ABOUT])
        pieces: list[tuple[bool, str]] = []
        for number, segment in enumerate(item.items(raw, "segments")):
            place = f"segments[{number}]"
            if not isinstance(segment, dict):
                item.flaw(place, f"should be an object, not {kind(segment)}")
                continue
            item.known(segment, ["label", "text"], place)
            if not isinstance(segment.get("label"), bool):
                why = "is missing" if segment.get("label") is None else "should be true or false"
                item.flaw(f"{place}.label", why)
            pieces.append((bool(segment.get("label")), item.text(segment, "text", place)))
        if item.flaws:
            return []
        return masked.lines(item, spans.answers(item, pieces), "segments")
    name = next((name for name in TURNS if name in raw), TURNS[0])
    item.known(raw, [*TURNS, "system", *ABOUT])
    found = [_turn(item, turn, f"{name}[{number}]") for number, turn in enumerate(item.items(raw, name))]
    answers = [one for one in found if one is not None]
    return [] if item.flaws else masked.lines(item, answers, name)


def _turn(item: Item, raw: Any, place: str) -> Answer | None:
    """A turn, with its parts if it is an answer."""
    made = raw
    if isinstance(raw, dict):
        item.known(raw, ["role", "content", "from", "value", *TRAINED, *DETAIL, "name", "tool_calls"], place)
        if _texts(raw.get("content")) is not None:
            made = {**raw, "content": "".join(_texts(raw["content"]) or [])}
    said = message(item, made, place)
    if said is None or not isinstance(raw, dict):
        return None
    train = next((raw[key] for key in TRAINED if raw.get(key) is not None), None)
    if train is not None and not isinstance(train, bool):
        item.flaw(f"{place}.train", f"should be true or false, not {kind(train)}")
    if said["role"] != "assistant" or train is False:
        return Answer(said)
    text = said.get("content")
    if not isinstance(text, str):
        return Answer(said)
    detail = next((key for key in DETAIL if raw.get(key) is not None), None)
    if detail is not None:
        kept = _details(item, raw, detail, len(text), place)
    else:
        kept = _labelled(item, raw["content"], place) if _parted(raw) else [(0, len(text))]
    if not kept:
        return Answer(said)
    return Answer(said, [*_split(text, kept), Part("", 1, end=True)])


def _details(item: Item, raw: dict[str, Any], name: str, length: int, place: str) -> list[tuple[int, int]]:
    """Where the details say that characters are trained: begin and end, exclusive here."""
    found: list[tuple[int, int, bool]] = []
    for number, one in enumerate(item.items(raw, name, place)):
        at = f"{place}.{name}[{number}]"
        if not isinstance(one, dict):
            item.flaw(at, f"should be an object, not {kind(one)}")
            continue
        item.known(one, ["begin_offset", "end_offset", "train"], at)
        begin, end = (_offset(item, one, key, at) for key in ("begin_offset", "end_offset"))
        train = one.get("train")
        if not isinstance(train, bool):
            item.flaw(f"{at}.train", "is missing" if train is None else f"should be true or false, not {kind(train)}")
        if begin is None or end is None:
            continue
        if not 0 <= begin <= end < length:
            item.flaw(at, f"goes from {begin} to {end}; the content has the characters 0 to {length - 1}")
        found.append((begin, end + 1, train is True))
    found.sort()
    if any(one[1] > two[0] for one, two in pairwise(found)):
        item.flaw(f"{place}.{name}", "has parts that overlap; the end is inclusive")
    return [(begin, end) for begin, end, train in found if train]


def _offset(item: Item, one: dict[str, Any], key: str, place: str) -> int | None:
    value = one.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    item.flaw(f"{place}.{key}", "is missing" if value is None else f"should be a whole number, not {kind(value)}")
    return None


def _labelled(item: Item, parts: list[Any], place: str) -> list[tuple[int, int]]:
    """Where parts with a `train` or a `weight` of their own say that characters are trained."""
    found: list[tuple[int, int]] = []
    at = 0
    for number, (part, text) in enumerate(zip(parts, _texts(parts) or [], strict=True)):
        train, weight = part.get("train"), part.get("weight")
        if train is not None and not isinstance(train, bool):
            item.flaw(f"{place}.content[{number}].train", f"should be true or false, not {kind(train)}")
        if weight is not None and (isinstance(weight, bool) or not isinstance(weight, (int, float))):
            item.flaw(f"{place}.content[{number}].weight", f"should be a number, not {kind(weight)}")
        if text and (train if train is not None else weight != 0):
            found.append((at, at + len(text)))
        at += len(text)
    return found


def _split(text: str, kept: list[tuple[int, int]]) -> list[Part]:
    parts, at = list[Part](), 0
    for start, stop in kept:
        parts += [Part(text[at:start], 0), Part(text[start:stop], 1)]
        at = stop
    return [*parts, Part(text[at:], 0)]


def _texts(content: object) -> list[str] | None:
    """The texts of a content in parts; None if it is not one, or holds more than text."""
    if not isinstance(content, list):
        return None
    names = ("text", "content", "value")
    found = [next((part[name] for name in names if part.get(name)), "") for part in content if isinstance(part, dict)]
    whole = len(found) == len(content) and all(isinstance(one, str) for one in found)
    return found if whole else None


def _parted(turn: dict[str, Any]) -> bool:
    """Whether a turn's content is in parts that say whether they are trained."""
    parts = turn["content"] if isinstance(turn.get("content"), list) else []
    return any(isinstance(part, dict) and part.keys() & {"train", "weight"} for part in parts)
