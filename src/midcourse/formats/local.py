"""Two sides of one place in an answer as the output of a native line, where both are texts and the place is known.

Where nothing of the answer stands before it, both sides are whole answers or their beginnings: `answers.parted`.
Otherwise the answer so far is context, and the sides part after whatever they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from midcourse.formats import answers, markup
from midcourse.formats.item import Item
from midcourse.formats.markup import CONVERSATION
from midcourse.formats.masked import SOURCE, piece
from midcourse.formats.messages import conversation

SAME = "pairs have the same on both sides: they say nothing and are left out"


class Side(NamedTuple):
    """A side's text, and whether the mark that ends an answer stood behind it."""

    text: str
    end: bool = False


def side(item: Item, text: str) -> Side:
    """A text that may end with such a mark."""
    return Side(*markup.ended(item.tok, text))


def steer(item: Item, before: str, chosen: Side, rejected: Sequence[Side]) -> list[Any]:
    """`before`, then a steer away from each of `rejected`. Two sides that are the same say nothing, and give nothing.

    Where one side is only the beginning of the other, the end of the answer is what differs. Elsewhere an end counts
    only where a mark says it. Raises `SteerError` for what has no tokens.
    """
    bad = [one for one in dict.fromkeys(rejected) if one.text != chosen.text]
    if not bad:
        item.note(SAME)
        return []
    if not before and not any(one.end for one in (chosen, *bad)):
        return [_imported(one) for one in answers.parted(item.tok, chosen.text, [one.text for one in bad])]
    end = chosen.end or any(one.text.startswith(chosen.text) for one in bad)
    pieces = [_piece(one.text, one.end or chosen.text.startswith(one.text)) for one in bad]
    found: dict[str, Any] = {"rejected": pieces if len(pieces) > 1 else pieces[0]}
    found |= {"chosen": _piece(chosen.text, end) | {"source": SOURCE}} | ({"end": True} if end else {})
    return [*([before] if before else []), found]


def _piece(text: str, end: bool) -> dict[str, Any]:
    return {"text": text, "end": True} if end else {"text": text}


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
