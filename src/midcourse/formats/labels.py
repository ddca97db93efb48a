"""Tokens with a mask, as TRL and transformers take them: ids, and which of them are trained.

    {"input_ids": [1, 4093, …], "labels": [-100, 4093, …]}

`labels` are −100 where nothing is trained; `assistant_masks` or `completion_mask` say it with 0 and 1. The ids are
those of the model that is imported for (`--model`): they become text, and the template in it is taken apart, as in
`input_output`.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats import input_output
from midcourse.formats.item import Item, Native
from midcourse.formats.parts import Piece

TITLE = "token ids with labels"
IGNORED = -100
MASKS = ("labels", "assistant_masks", "completion_mask")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("input_ids"), list) and any(isinstance(raw.get(name), list) for name in MASKS)


def natives(item: Item) -> list[Native]:
    """A line for each answer of which something is trained."""
    raw = item.raw
    name = next((one for one in MASKS if isinstance(raw.get(one), list)), MASKS[0])
    ids, mask = item.items(raw, "input_ids"), item.items(raw, name)
    for place, values in (("input_ids", ids), (name, mask)):
        if wrong := [n for n, value in enumerate(values) if not isinstance(value, int) or isinstance(value, bool)]:
            item.flaw(f"{place}[{wrong[0]}]", "should be a number")
    if not item.flaws and len(ids) != len(mask):
        item.flaw(name, f"has {len(mask)} entries for {len(ids)} ids")
    spell = getattr(item.tok, "spelled", None)
    if spell is None and not item.flaws:
        item.flaw("input_ids", "cannot be read with this tokenizer, which does not say how special tokens are written")
    if item.flaws or spell is None:
        return []
    pieces: list[Piece] = []
    held: list[int] = []
    for number, (token, value) in enumerate(zip(ids, mask, strict=True)):
        trained = value != IGNORED if name == "labels" else value == 1
        if name == "labels" and trained and value != token:
            item.flaw(f"labels[{number}]", f"is {value}, and the id there is {token}: labels are not shifted")
            return []
        held.append(token)
        try:
            text = spell(held)
        except (IndexError, ValueError, OverflowError):
            item.flaw(f"input_ids[{number}]", f"is {token}, which is no token of the model")
            return []
        if text.endswith("\ufffd") and number + 1 < len(ids) and len(held) < 8:
            continue  # the rest of a character is on its way; it counts as its last token does
        pieces.append(Piece(text, float(trained)))
        held = []
    return input_output.lines(item, pieces, "input_ids")
