"""Axolotl's `input_output`: a text in pieces, each of which is trained or not; the template is in the text already.

    {"segments": [{"label": false, "text": "<|im_start|>user\\nHello<|im_end|>\\n<|im_start|>assistant\\n"},
                  {"label": true, "text": "Hi there!<|im_end|>"}]}

The template is taken apart again, and each answer with something trained in it is a line. The mark that ends a turn is
the answer's end. Without any marks of a template the pieces before the first trained one are the request.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats import markup
from midcourse.formats.item import Item, Native, kind
from midcourse.formats.messages import conversation
from midcourse.formats.parts import Piece, cut, masked

TITLE = "Axolotl's input_output"
PLAIN = "texts without the marks of a template: what comes before the first trained piece is the request"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("segments"), list)


def natives(item: Item) -> list[Native]:
    """A line for each answer of which something is trained."""
    item.known(item.raw, ["segments"])
    pieces: list[Piece] = []
    for number, one in enumerate(item.items(item.raw, "segments")):
        place = f"segments[{number}]"
        if not isinstance(one, dict):
            item.flaw(place, f"should be an object, not {kind(one)}")
            continue
        text, label = item.text(one, "text", place), one.get("label")
        if not isinstance(label, bool):
            item.flaw(
                f"{place}.label", "is missing" if label is None else f"should be true or false, not {kind(label)}"
            )
        pieces.append(Piece(text, float(label is True)))
    return [] if item.flaws else lines(item, pieces, "segments")


def lines(item: Item, pieces: list[Piece], place: str) -> list[Native]:
    """A line for each trained answer in the text that `pieces` make together; `place` is where it stands."""
    text, trained, at = "".join(piece.text for piece in pieces), list[tuple[int, int]](), 0
    for piece in pieces:
        if piece.weight and piece.text:
            trained.append((at, at + len(piece.text)))
        at += len(piece.text)
    if not trained:
        item.note("texts of which nothing is trained: nothing of them comes in")
        return []
    turns = markup.turns(text)
    if not turns:
        item.note(PLAIN)
        first = trained[0][0]
        turns = [markup.Part("user", 0, first, first), markup.Part("assistant", first, len(text), len(text))]
    given = item.raw.get("conversation")
    about = item.about()
    found: list[Native] = []
    for number, turn in enumerate(turns):
        inside = [(max(a, turn.start), min(b, turn.stop), 1.0) for a, b in trained if a < turn.stop and b > turn.start]
        ended = turn.closed > turn.stop and any(a <= turn.stop < b for a, b in trained)
        if turn.role != "assistant" or not (inside or ended):
            continue
        places = [(a - turn.start, b - turn.start, weight) for a, b, weight in inside]
        output = masked(cut(text[turn.start : turn.stop], places), ended=ended)
        before = [{"role": one.role, "content": text[one.start : one.stop].strip("\n")} for one in turns[:number]]
        if isinstance(given, list) and turn is turns[-1]:
            before = conversation(item, given, "conversation")
        if output is not None and before:
            kept = about if not found else {name: value for name, value in about.items() if name != "id"}
            found.append(Native({**kept, "messages": before, "output": output}, {"output": place, "messages": place}))
    if not found and not item.flaws:
        item.flaw(place, "trains nothing that is an answer of the assistant to somebody")
    return [] if item.flaws else found
