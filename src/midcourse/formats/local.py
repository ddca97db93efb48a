"""Two sides of one place in an answer as the output of a native line, where both are texts and the place is known.

Two sides that go on to the end of the answer (`whole`) part where their tokens do, and where one is over before they
do, its end is what differs. Of others nobody knows how they go on: two of which one is only the beginning of the other
say nothing. An answer so far is context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from midcourse.formats import answers, markup
from midcourse.formats.item import Item
from midcourse.formats.markup import CONVERSATION
from midcourse.formats.masked import SOURCE, piece
from midcourse.formats.messages import conversation
from midcourse.trace.prefix import shared
from midcourse.trace.text import Tokenizer

BEGINNING = (
    "pairs have sides of which one is only the beginning of the other, and no end: they say nothing and are left out"
)
HALVES = "rows of ours whose text has only half of a character, for which it has no ids of this model, are left out"
EDITED = "rows of ours whose texts are not what their ids say come in through their texts"
SAME = "pairs have the same on both sides: they say nothing and are left out"


class Side(NamedTuple):
    """A side's text, and whether the mark that ends an answer stood behind it."""

    text: str
    end: bool = False


def side(item: Item, text: str) -> Side:
    """A text that may end with such a mark."""
    return Side(*markup.ended(item.tok, text))


def ours(raw: dict[str, Any]) -> bool:
    """Whether a row of texts was written by our own export: its sides are those of a steer, and not whole answers."""
    return isinstance(raw.get(CONVERSATION), list) and isinstance(raw.get("before"), str)


def steer(item: Item, before: str, chosen: Side, rejected: Sequence[Side], *, whole: bool) -> list[Any]:
    """`before`, then a steer away from each of `rejected`. Sides that say nothing are counted, and give nothing.

    `whole`: each side goes on to the end of the answer, which is not over elsewhere unless a mark says it. Raises
    `SteerError` for what has no tokens.
    """
    if halved(item, before, chosen.text, *(one.text for one in rejected)):
        return []
    bad = [one for one in dict.fromkeys(rejected) if one != chosen and not (whole and one.text == chosen.text)]
    if not bad:
        item.note(SAME)
        return []
    if whole and not before and not any(one.end for one in (chosen, *bad)):
        return [_imported(one) for one in answers.parted(item.tok, chosen.text, [one.text for one in bad])]
    if not whole and not (bad := [one for one in bad if _part(item.tok, chosen, one)]):
        item.note(BEGINNING)
        return []
    end = chosen.end or (whole and any(one.text.startswith(chosen.text) for one in bad))
    pieces = [_piece(one.text, one.end or (whole and chosen.text.startswith(one.text))) for one in bad]
    found: dict[str, Any] = {"rejected": pieces if len(pieces) > 1 else pieces[0]}
    found |= {"chosen": _piece(chosen.text, end) | {"source": SOURCE}} | ({"end": True} if end else {})
    return [*([before] if before else []), found]


def halved(item: Item, *texts: str) -> bool:
    """Whether a row that our own export wrote has half a character in its texts, which is counted and left out."""
    found = isinstance(item.raw.get(CONVERSATION), list) and any("\ufffd" in text for text in texts)
    if found:
        item.note(HALVES)
    return found


def _part(tok: Tokenizer, one: Side, other: Side) -> bool:
    """Whether both have a token where they part."""
    ids = [[*tok.encode(side.text), *([tok.end_id] if side.end else [])] for side in (one, other)]
    return shared(*ids) < min(map(len, ids))


def _piece(text: str, end: bool) -> dict[str, Any]:
    return {"text": text, "end": True} if end else {"text": text}


def mark(before: str, rejected: Side) -> list[Any]:
    """`before`, then what is off track, without a correction."""
    return [*([before] if before else []), {"rejected": _piece(rejected.text, rejected.end)}]


def from_ids(item: Item, sides: Sequence[str]) -> tuple[list[dict[str, Any]], list[Any]] | None:
    """Rows that our own export wrote say the same in tokens: the conversation, and the output, exactly.

    `sides` are the names of chosen and rejected ids, of which one may be missing. None where the object has no ids, or
    where they are not what this model's template and vocabulary say, or no longer what the texts beside them say; then
    its texts count.
    """
    raw, tok = item.raw, item.tok
    ids = [raw.get(name) for name in ("prompt_ids", *sides)]
    if not isinstance(raw.get(CONVERSATION), list) or not all(are_ids(one, tok.size) for one in ids if one is not None):
        return None
    context, chosen, rejected = [*ids, None][:3]
    messages = conversation(item, raw[CONVERSATION], CONVERSATION)
    if item.flaws or context is None:
        return None
    prompt = tok.prompt(messages)
    if context[: len(prompt)] != prompt:
        return None
    texts = {"before": context[len(prompt) :]} | {name: raw.get(name) for name in sides if name}
    for name, side in texts.items():
        said = raw.get(name.removesuffix("_ids"))
        if isinstance(said, str) and side is not None and said != spelled(tok, side):
            item.note(EDITED)
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


def spelled(tok: Tokenizer, ids: Sequence[int]) -> str:
    """The text of `ids` as our own export writes it: special tokens spelt out, U+FFFD for what is no text."""
    return markup.written(tok, ids).encode(errors="surrogateescape").decode(errors="replace")


def from_texts(item: Item) -> tuple[list[dict[str, Any]], str] | None:
    """Of rows that our own export wrote, the conversation and what of the answer stands already; None for others."""
    raw = item.raw
    if not ours(raw):
        return None
    return conversation(item, raw[CONVERSATION], CONVERSATION), raw["before"]


def are_ids(value: object, size: int) -> bool:
    """Whether `value` is a list of tokens of a vocabulary of `size`."""
    return isinstance(value, list) and all(type(one) is int and 0 <= one < size for one in value)


def _imported(one: Any) -> Any:
    """A steer whose chosen side nobody typed here."""
    if not isinstance(one, dict) or not isinstance(one.get("chosen"), dict):
        return one
    return {**one, "chosen": {**one["chosen"], "source": SOURCE}}
