"""Messages of which parts are trained, as Axolotl's `chat_template` takes them.

    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "Hello there",
      "train_detail": [{"begin_offset": 0, "end_offset": 4, "train": true}]}]}

Offsets count characters and both are inclusive; what no offset names is not trained. `train: true` trains a whole
answer with its end, `train: false` none of it; parts of a content say it for themselves
(`{"type": "text", "text": "…", "train": true, "weight": 2}`).
"""

from __future__ import annotations

import itertools
from typing import Any

from midcourse.formats.item import Item, Native, at, kind
from midcourse.formats.messages import message
from midcourse.formats.parts import Piece, cut, masked

TITLE = "messages of which parts are trained"
LISTS = ("messages", "conversations")
KEYS = ("train_detail", "train", "training")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return any(_says(one) for name in LISTS for one in (raw.get(name) or []) if isinstance(raw.get(name), list))


def _says(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    parts = value.get("content")
    inside = isinstance(parts, list) and any(isinstance(one, dict) and ("train" in one) for one in parts)
    return inside or any(key in value for key in KEYS)


def natives(item: Item) -> list[Native]:
    """A line for each answer of which something is trained."""
    name = next((one for one in LISTS if isinstance(item.raw.get(one), list)), LISTS[0])
    about, found, so_far = item.about(), list[Native](), list[dict[str, Any]]()
    if item.reading.system:
        so_far.append({"role": "system", "content": item.reading.system})
    for number, value in enumerate(item.items(item.raw, name)):
        place = f"{name}[{number}]"
        pieces = _pieces(item, value, place) if isinstance(value, dict) else None
        said = {**value, "content": "".join(one.text for one in pieces)} if pieces is not None else value
        one = message(item, said, place)
        if one is None:
            continue
        if one["role"] == "assistant" and pieces is not None and isinstance(value, dict):
            ended = any(value.get(key) is True for key in ("train", "training")) and "train_detail" not in value
            output = masked(pieces, ended=ended)
            if output is not None:
                kept = about if not found else {key: said for key, said in about.items() if key != "id"}
                line = {**kept, "messages": list(so_far), "output": output}
                found.append(Native(line, {"output": place, "messages": name}))
        if one["role"] == "system" and so_far and so_far[0]["role"] == "system":
            so_far = []
        so_far.append(one)
    if not found and not item.flaws:
        item.note("conversations of which no answer is trained: nothing of them comes in")
    return [] if item.flaws else found


def _pieces(item: Item, value: dict[str, Any], place: str) -> list[Piece] | None:
    """An answer in pieces, each with how much it counts; None where nothing is said of that."""
    content = value.get("content", value.get("value"))
    if isinstance(content, list):
        return _parts(item, content, at(place, "content")) if _says(value) else None
    if not isinstance(content, str) or not _says(value):
        return None
    if "train_detail" not in value:
        whole = value.get("train", value.get("training"))
        if not isinstance(whole, bool):
            item.flaw(at(place, "train"), f"should be true or false, not {kind(whole)}")
        return [Piece(content, float(whole is True))]
    places: list[tuple[int, int, float]] = []
    for number, one in enumerate(item.items(value, "train_detail", place)):
        where = f"{at(place, 'train_detail')}[{number}]"
        if not isinstance(one, dict):
            item.flaw(where, f"should be an object, not {kind(one)}")
            continue
        begin, end = one.get("begin_offset"), one.get("end_offset")
        if not all(isinstance(offset, int) and not isinstance(offset, bool) for offset in (begin, end)):
            item.flaw(where, "should have begin_offset and end_offset, both numbers")
        elif not 0 <= begin <= end < len(content):  # type: ignore[operator]
            item.flaw(where, f"goes from {begin} to {end}; the content has the characters 0 to {len(content) - 1}")
        elif one.get("train", True) is True:
            places.append((int(begin), int(end) + 1, 1.0))  # type: ignore[arg-type]
    places.sort()
    if any(one[1] > two[0] for one, two in itertools.pairwise(places)):
        item.flaw(at(place, "train_detail"), "has parts that overlap")
    return cut(content, places)


def _parts(item: Item, content: list[Any], place: str) -> list[Piece]:
    pieces: list[Piece] = []
    for number, one in enumerate(content):
        where = f"{place}[{number}]"
        if not isinstance(one, dict) or not isinstance(one.get("text"), str):
            item.flaw(where, "should be a part with a text; only text can be trained")
            continue
        weight = one.get("weight", 1)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            item.flaw(at(where, "weight"), f"should be a number from 0 on, not {weight!r}")
            weight = 0
        pieces.append(Piece(one["text"], float(weight) if one.get("train") is True else 0.0))
    return pieces
