"""Two or more versions of one answer as the output of a native line: what was kept, and steers where they part.

Everything is in the tokens of the model, exact ids beside the text, as if the one version had been written and steered
into the other: the context of a steer is the *corrected* answer up to there.

- A change is a steer: what stood there is rejected, what stands there now is chosen.
- Where something was only added, the model was wrong at the token that it wrote there instead: that one is rejected.
- Where something was only taken out, what follows it should have come at once: the first token of that is chosen.
- The end of the answer is a token like any other. What was cut off there chooses the end, what was added rejects it; a
  change of the last words says nothing of the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from midcourse.formats.align import Change, changes, joined, unchanged
from midcourse.trace.text import Tokenizer, to_text

ALIKE = 0.7  # of the longer version's tokens must be kept for one to be an edit of the other

Output = list[dict[str, Any]]


def edited(tok: Tokenizer, original: str, corrected: str, gap: int) -> Output:
    """`corrected` with a steer for each change of `original`. Raises `SteerError` for what has no tokens."""
    old, new = [*tok.encode(original), tok.end_id], [*tok.encode(corrected), tok.end_id]
    output: Output = []
    at = 0
    for start, stop, new_start, new_stop in _two_sided(tok, changes(old, new), old, new, gap):
        if at < new_start:
            output.append(_text(tok, new[at:new_start]))
        output.append(_steer(_text(tok, old[start:stop]), _text(tok, new[new_start:new_stop])))
        at = new_stop
    if at < len(new) - 1:
        output.append(_text(tok, new[at:-1]))  # an end that nobody touched is nobody's
    return output


def alike(tok: Tokenizer, one: str, other: str) -> bool:
    """Whether one is an edit of the other, and not another answer."""
    old, new = tok.encode(one), tok.encode(other)
    return unchanged(old, changes(old, new)) >= ALIKE * max(len(old), len(new), 1)


def parted(tok: Tokenizer, chosen: str, rejected: Sequence[str]) -> Output:
    """`chosen` with a steer at each place where one or more of the `rejected` answers part from it.

    All that follows there in a rejected answer is rejected. Versions that are the same say nothing. Raises `SteerError`
    for what has no tokens.
    """
    new = tok.encode(chosen)
    others: dict[int, list[list[int]]] = {}
    for text in dict.fromkeys(rejected):
        if text != chosen:
            ids = tok.encode(text)
            start = next((n for n, (a, b) in enumerate(zip(ids, new, strict=False)) if a != b), min(len(ids), len(new)))
            while start and not (_begins(tok, ids, start) and _begins(tok, new, start)):
                start -= 1
            others.setdefault(start, []).append(ids)
    starts = sorted(others)
    output: Output = [_text(tok, new[: starts[0]])] if starts and starts[0] else []
    for start, stop in zip(starts, [*starts[1:], len(new)], strict=False):
        bad = [_text(tok, ids[start:] or [tok.end_id]) for ids in others[start]]
        output.append(_steer(bad if len(bad) > 1 else bad[0], _text(tok, new[start:stop] or [tok.end_id])))
    return output or [_text(tok, new)]


def _steer(rejected: Any, chosen: dict[str, Any]) -> dict[str, Any]:
    steer = {"rejected": rejected, "chosen": chosen}
    return steer | {"end": True} if "end" in chosen else steer


def _text(tok: Tokenizer, ids: list[int]) -> dict[str, Any]:
    text = {"text": to_text(tok, ids), "ids": ids}
    return text | {"end": True} if ids and ids[-1] == tok.end_id else text


def _two_sided(tok: Tokenizer, found: list[Change], old: list[int], new: list[int], gap: int) -> list[Change]:
    """The changes as steers: near ones joined, each with something on both sides, none that splits a character.

    Both answers end with the same token, so something always follows. That end belongs to what was cut off before it or
    put there, also where other changes are near.
    """
    apart: list[Change] = []
    limits = [*[one.start for one in found[1:]], len(old)]  # tokens are kept in pairs up to the next change only
    for limit, (start, stop, new_start, new_stop) in zip(limits, found, strict=False):
        while start and new_start and not (_begins(tok, old, start) and _begins(tok, new, new_start)):
            start, new_start = start - 1, new_start - 1
        while stop < limit and not (_begins(tok, old, stop) and _begins(tok, new, new_stop)):
            stop, new_stop = stop + 1, new_stop + 1
        if apart and (start < apart[-1].stop or new_start < apart[-1].new_stop):
            start, _, new_start, _ = apart.pop()
        apart.append(Change(start, stop, new_start, new_stop))
    cut = bool(apart) and apart[-1].new_start == apart[-1].new_stop == len(new) - 1
    put = bool(apart) and apart[-1].start == apart[-1].stop == len(old) - 1
    made: list[Change] = []
    for start, stop, new_start, new_stop in joined(apart, gap):
        if start == stop or (put and stop == len(old) - 1):
            stop = _whole(tok, old, stop + 1)
        elif new_start == new_stop or (cut and new_stop == len(new) - 1):
            new_stop = _whole(tok, new, new_stop + 1)
        if made and (start < made[-1].stop or new_start < made[-1].new_stop):  # the one before needed this much
            before = made.pop()
            start, stop = before.start, max(stop, before.stop)
            new_start, new_stop = before.new_start, max(new_stop, before.new_stop)
        made.append(Change(start, stop, new_start, new_stop))
    return made


def _whole(tok: Tokenizer, ids: list[int], stop: int) -> int:
    """The first place from `stop` on at which a character begins."""
    while not _begins(tok, ids, stop):
        stop += 1
    return stop


def _begins(tok: Tokenizer, ids: list[int], place: int) -> bool:
    """Whether the token at `place` begins a character; the end of the text does."""
    return place == len(ids) or not b"\x80" <= tok.token_bytes(ids[place])[:1] < b"\xc0"
