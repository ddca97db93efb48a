"""Two sides of one place in an answer as the output of a native line, where both are texts and the place is known.

Where nothing of the answer stands before it, both sides are whole answers or their beginnings: `answers.parted`.
Otherwise the answer so far is context, and the sides part after whatever they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from midcourse.formats import answers
from midcourse.formats.item import Item
from midcourse.formats.markup import CONVERSATION
from midcourse.formats.masked import SOURCE, piece
from midcourse.formats.messages import conversation

SAME = "pairs have the same on both sides: they say nothing and are left out"


def steer(item: Item, before: str, chosen: str, rejected: Sequence[str], *, human: bool = False) -> list[Any]:
    """`before`, then a steer away from each of `rejected`. What is chosen is a person's, or else somebody's data.

    Where one side is only the beginning of the other, the end of the answer is what differs. Two sides that are the
    same say nothing, and nothing comes of them. Raises `SteerError` for
    what has no tokens.
    """
    bad = [one for one in dict.fromkeys(rejected) if one != chosen]
    if not bad:
        item.note(SAME)
        return []
    if not before:
        found = answers.parted(item.tok, chosen, bad)
        return found if human else [_imported(one) for one in found]
    shorter = next((one for one in bad if one.startswith(chosen)), None)
    if shorter is not None:
        ended = [{"text": one[len(chosen) :]} for one in bad if one.startswith(chosen)]
        return [before + chosen, {"rejected": ended, "chosen": "", "end": True}]
    longer = next((one for one in bad if chosen.startswith(one)), None)
    if longer is not None:
        steer = {"rejected": {"text": "", "end": True}, "chosen": {"text": chosen[len(longer) :]}}
        return [before + longer, steer if human else _imported(steer)]
    steer = {"rejected": bad if len(bad) > 1 else bad[0], "chosen": {"text": chosen}}
    return [before, steer if human else _imported(steer)]


def mark(before: str, rejected: str) -> list[Any]:
    """`before`, then what is off track, without a correction."""
    return [*([before] if before else []), {"rejected": rejected}]


def from_ids(item: Item, sides: Sequence[str]) -> tuple[list[dict[str, Any]], list[Any]] | None:
    """Rows that our own export wrote say the same in tokens: the conversation, and the output, exactly.

    `sides` are the names of chosen and rejected ids, of which one may be missing. None where the object has no ids, or
    where they are not what this model's template and vocabulary say; then its texts count.
    """
    raw, tok = item.raw, item.tok
    ids = [raw.get(name) for name in ("prompt_ids", *sides)]
    if not isinstance(raw.get(CONVERSATION), list) or not all(
        _are_ids(one, tok.size) for one in ids if one is not None
    ):
        return None
    context, chosen, rejected = [*ids, None][:3]
    messages = conversation(item, raw[CONVERSATION], CONVERSATION)
    if item.flaws or context is None:
        return None
    prompt = tok.prompt(messages)
    if context[: len(prompt)] != prompt:
        return None
    output: list[Any] = [piece(tok, context[len(prompt) :])] if len(context) > len(prompt) else []
    found: dict[str, Any] = {}
    if rejected:
        found["rejected"] = piece(tok, rejected)
    if chosen:
        found["chosen"] = piece(tok, chosen) | {"source": SOURCE}
        if "end" in found["chosen"]:
            found["end"] = True
    return messages, [*output, found]


def from_texts(item: Item) -> tuple[list[dict[str, Any]], str] | None:
    """Of rows that our own export wrote, the conversation and what of the answer stands already; None for others."""
    raw = item.raw
    if not isinstance(raw.get(CONVERSATION), list) or not isinstance(raw.get("before"), str):
        return None
    return conversation(item, raw[CONVERSATION], CONVERSATION), raw["before"]


def _are_ids(value: object, size: int) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < size for one in value)


def _imported(one: Any) -> Any:
    """A steer whose chosen side nobody typed here."""
    if not isinstance(one, dict) or not isinstance(one.get("chosen"), dict):
        return one
    return {**one, "chosen": {**one["chosen"], "source": SOURCE}}
