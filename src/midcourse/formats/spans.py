"""A text of which some characters are trained: its turns, and the parts of each answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from midcourse.formats import markup
from midcourse.formats.item import Item
from midcourse.formats.masked import Answer, Part

PLAIN = "texts have no marks of a chat template: what comes before the first trained part is taken as the request"
OUTSIDE = "texts train something that is no answer (requests, marks of the template): only answers come in"


def answers(item: Item, pieces: Sequence[tuple[bool, str]]) -> list[Answer]:
    """The conversation in `pieces` of text, joined, of which each is trained or not.

    Without the marks of a template that is known, what comes before the first trained piece is the request.
    """
    text = "".join(piece for _, piece in pieces)
    ends = list(accumulate(len(piece) for _, piece in pieces))
    begins = [0, *ends[:-1]]
    trained = [(start, stop) for start, stop, (on, _) in zip(begins, ends, pieces, strict=True) if on and start < stop]
    if isinstance(item.raw.get(markup.CONVERSATION), list) and (known := markup.begun(item, text)) is not None:
        messages, found = known.messages, [_open(item, text, known.start)]
    else:
        found = markup.turns(text)
        messages = []
        if not found:
            if not trained:
                return []
            item.note(PLAIN)
            messages = [{"role": "user", "content": text[: trained[0][0]]}]
            found = [_open(item, text, trained[0][0])]
    answered = [Answer(message) for message in messages]
    for turn in found:
        if turn.role != "assistant":
            answered += [Answer(one) for one in markup.messages(text, [turn])]
            continue
        parts = _parts(text, turn, trained)
        answered.append(Answer({"role": "assistant", "content": text[turn.start : turn.stop]}, parts))
    said = [(turn.start, turn.end) for turn in found if turn.role == "assistant"]
    inside = sum(max(min(stop, b) - max(start, a), 0) for start, stop in trained for a, b in said)
    if sum(len(text[start:stop].rstrip("\n")) for start, stop in trained) > inside:
        item.note(OUTSIDE)
    return _joined(answered)


def _open(item: Item, text: str, start: int) -> markup.Turn:
    """The answer that goes to the end of the text, with the mark that ends it or without one."""
    bare = markup.unended(item.tok, text)
    stop = max(len(bare), start)
    return markup.Turn("assistant", start, stop, len(text.rstrip("\n")) if len(bare) < len(text) else stop)


def _parts(text: str, turn: markup.Turn, trained: Sequence[tuple[int, int]]) -> list[Part]:
    parts: list[Part] = []
    at = turn.start
    for start, stop in trained:
        start, stop = max(start, turn.start), min(stop, turn.stop)
        if start < stop:
            parts += [Part(text[at:start], 0), Part(text[start:stop], 1)]
            at = stop
    parts.append(Part(text[at : turn.stop], 0))
    if turn.end > turn.stop and any(start <= turn.stop < stop for start, stop in trained):
        parts.append(Part("", 1, end=True))
    return parts


def _joined(answered: Sequence[Answer]) -> list[Answer]:
    """Requests that follow each other are one: Alpaca's input goes with its instruction."""
    found: list[Answer] = []
    for one in answered:
        if found and one.message["role"] == found[-1].message["role"] == "user":
            both = f"{found[-1].message['content']}\n\n{one.message['content']}"
            found[-1] = Answer({"role": "user", "content": both})
        else:
            found.append(one)
    return found
