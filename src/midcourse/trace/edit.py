"""A person's edits on the accepted answer, as text: correct, insert, end, mark.

Each function changes a trace by exactly one steer, on the path to its head, and returns that steer; the head then
stands after the correction. The place is given as `byte` (an offset in the answer's bytes) or as `depth` (in tokens);
it may lie inside a token or a character, see `trace.text.place`. All raise `SteerError` with the reason and change
nothing then.

What the typed text has in common with what was there is no correction: it is skipped, so that the model's own tokens,
however unusual, stay as they are and only the difference is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TypedDict, Unpack

from midcourse.errors import SteerError
from midcourse.trace.text import Tokenizer, encoded, place, to_bytes, unfinished
from midcourse.trace.tree import Run, Source, Span, Steer, Trace
from midcourse.words import counted


class About(TypedDict, total=False):
    """What else a steer may say; see `trace.tree.Steer`."""

    source: Source
    reason: str | None
    tags: Sequence[str]
    weight: float
    author: str | None
    created: str | None
    aside: bool
    serves: Sequence[str]
    move: bool


def steer_text(
    trace: Trace,
    tok: Tokenizer,
    text: str,
    *,
    byte: int | None = None,
    depth: int | None = None,
    end: bool = False,
    rejected_stop: int | None = None,
    **about: Unpack[About],
) -> Steer:
    """`text` instead of what the answer says from there on; `end` also ends the answer.

    Rejected is what follows up to depth `rejected_stop`, by default up to the head; nothing, if nothing follows.
    """
    ids = _until(trace, rejected_stop)
    cut, depth = _cut(tok, ids, byte, depth)
    answer, typed = to_bytes(tok, ids), encoded(text)
    follows, start = answer[cut:], cut - unfinished(answer[:cut])
    if repeated := shared_text(typed, answer[start:]):
        cut, depth, follows = start + repeated, None, answer[start + repeated :]
        text = typed[repeated:].decode()
    kept = ids if depth is None else ids[:depth]
    ended = bool(ids) and ids[-1] in tok.end_ids
    if end and not text and not follows and ended:
        raise SteerError("the answer already ends here")
    if not text and not end:
        raise SteerError(
            "the correction only repeats what is there; change it, end the answer here, or only mark it"
            if repeated
            else "nothing is chosen; give a correction, end the answer, or only mark it"
        )
    keep, chosen = place(tok, kept, cut, text)
    rejects = bool(follows) or ended or len(kept) < len(ids)
    return _record(trace, keep, [*chosen, *([tok.end_id] if end else [])], len(ids) if rejects else None, about)


def insert(
    trace: Trace,
    tok: Tokenizer,
    text: str,
    *,
    byte: int | None = None,
    depth: int | None = None,
    end: bool = False,
    **about: Unpack[About],
) -> Steer:
    """`text` at that place (by default at the head), rejecting nothing: what followed is set aside without a word."""
    ids = _until(trace, None)
    if byte is None and depth is None:
        byte = len(to_bytes(tok, ids))
    cut, depth = _cut(tok, ids, byte, depth)
    keep, chosen = place(tok, ids if depth is None else ids[:depth], cut, text)
    if not text and not end:
        raise SteerError("nothing is chosen; give a text or end the answer")
    return _record(trace, keep, [*chosen, *([tok.end_id] if end else [])], None, about)


def write(trace: Trace, tok: Tokenizer, text: str, depth: int, *, source: Source = "human") -> Span:
    """`text` in the place of what follows depth `depth`, and no steer: nothing is trained on it.

    What the text shares with what was there stays as it is. The head then stands after the text.
    """
    ids = _until(trace, None)
    cut, _ = _cut(tok, ids, None, depth)
    answer, typed = to_bytes(tok, ids), encoded(text)
    start = cut - unfinished(answer[:cut])
    repeated = shared_text(typed, answer[start:])
    if repeated == len(typed):
        raise SteerError("this is what the answer says there already" if text else "there is nothing to write")
    keep, written = place(tok, ids if repeated else ids[:depth], start + repeated, typed[repeated:].decode())
    pairs = zip(written, ids[keep:], strict=False)
    common = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(written) - 1, len(ids) - keep))
    span = trace.branch(trace.at(trace.head, keep + common), written[common:], source)
    trace.move(trace.end_of(span.id))
    return span


def end(
    trace: Trace, tok: Tokenizer, *, byte: int | None = None, depth: int | None = None, **about: Unpack[About]
) -> Steer:
    """The answer should have ended there (by default at the head); what follows is rejected."""
    if byte is None and depth is None:
        depth = trace.depth(trace.head)
    return steer_text(trace, tok, "", byte=byte, depth=depth, end=True, **about)


def mark(
    trace: Trace,
    tok: Tokenizer,
    *,
    byte: int | None = None,
    depth: int | None = None,
    rejected_stop: int | None = None,
    **about: Unpack[About],
) -> Steer:
    """Off track from the token at that place up to depth `rejected_stop` (by default the head); no correction."""
    ids = _until(trace, rejected_stop)
    cut, depth = _cut(tok, ids, byte, depth)
    if depth is None:
        ends = list(accumulate((len(tok.token_bytes(token)) for token in ids), initial=0))
        depth = max(place for place, until in enumerate(ends) if until <= cut)
    if depth >= len(ids):
        raise SteerError("nothing follows here that could be marked")
    return _record(trace, depth, None, len(ids), about)


def shared_text(left: bytes, right: bytes) -> int:
    """How many bytes of whole characters `left`, which is UTF-8, has in common with the beginning of `right`."""
    shared = next(
        (at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    while shared < len(left) and left[shared] & 0xC0 == 0x80:
        shared -= 1
    return shared


def _until(trace: Trace, stop: int | None) -> list[int]:
    """The answer up to depth `stop`, by default up to the head."""
    ids = trace.answer(trace.head)
    if stop is not None and not 0 <= stop <= len(ids):
        raise SteerError(f"there is no depth {stop} in an answer of {counted(len(ids), 'token')}")
    return ids[:stop]


def _cut(tok: Tokenizer, ids: Sequence[int], byte: int | None, depth: int | None) -> tuple[int, int | None]:
    """The place in bytes, and the depth if it was given so."""
    if (byte is None) == (depth is None):
        raise TypeError("give either byte or depth")
    if depth is None:
        assert byte is not None
        total = len(to_bytes(tok, ids))
        if not 0 <= byte <= total:
            raise SteerError(f"there is no byte {byte} in an answer of {counted(total, 'byte')}")
        return byte, None
    if not 0 <= depth <= len(ids):
        raise SteerError(f"there is no depth {depth} in an answer of {counted(len(ids), 'token')}")
    return len(to_bytes(tok, ids[:depth])), depth


def _record(trace: Trace, start: int, chosen: list[int] | None, stop: int | None, about: About) -> Steer:
    head = trace.head
    rejected = []
    if stop is not None:
        span = trace.at(head, stop).span
        assert span is not None
        rejected = [Run(span, start, stop)]
    return trace.steer(trace.at(head, start), chosen, rejected, **about)
