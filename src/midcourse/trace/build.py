"""From a line's text to traces: each item tokenized in its place, as it would have happened in a session.

The model's path before a steer is the trunk so far (strings and `chosen`, joined) followed by what is rejected; the
correction is an edit on that path, so both sides go back to a common boundary when the tokenizer merges across it. What
a correction shares with the beginning of what it rejects keeps the model's tokens. After a correction the model goes on
with fresh tokens: nothing merges into what was typed.

The trunk is kept as ids; its last stretch becomes a span only when it is known where the next steer forks, so that no
token hangs off the tree that nobody ever saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from midcourse.errors import SteerError
from midcourse.trace.edit import shared_text
from midcourse.trace.prefix import shared
from midcourse.trace.schema import Branch, Correction, Flaw, Piece, as_piece
from midcourse.trace.text import Tokenizer, place_back, to_bytes
from midcourse.trace.tree import Run, Source, Trace


class RefusedError(Exception):
    """An item that cannot be built; carries the flaw, with a path below the item. The trace is then of no use."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.flaw = Flaw(field, message)


class Trunk:
    """An answer in the making. `trace` has the spans up to depth `done`; `ids` is the whole answer so far."""

    def __init__(self, trace: Trace, tok: Tokenizer, *, trust: bool, ids: Sequence[int] = ()) -> None:
        self.trace, self.tok, self.trust = trace, tok, trust
        self.ids = list(ids)
        self.done = len(self.ids)
        self.source: Source = "model"
        self.ended = bool(ids) and self.ids[-1] in tok.end_ids

    def text(self, piece: Piece) -> None:
        """The answer goes on with `piece`."""
        self._goes_on()
        source = piece.source or "model"
        if source != self.source:
            self.settle(len(self.ids))
            self.source = source
        self.ids, _ = self._after(self.ids, piece, "")
        self.ended = piece.end
        if source != "model":
            self.settle(len(self.ids))

    def steer(self, item: Correction, reason: str | None) -> None:
        """Record `item` here and go on after what it chose."""
        self._goes_on()
        several = isinstance(item.rejected, list)
        paths, forks = [], []
        rejected = item.bad
        for number, bad in enumerate(rejected):
            path, fork = self._after(self.ids, bad, f"rejected[{number}]" if several else "rejected")
            paths.append(path)
            forks.append(fork)
        chosen = self._chosen(item, rejected, paths) if item.chosen is not None else None
        start = min(forks, default=len(self.ids))
        if chosen is not None:
            start = shared(chosen, self.ids, *paths)
        trace = self.trace
        self.settle(max([start, *forks]))
        runs = []
        for path, fork, bad in zip(paths, forks, rejected, strict=True):
            span = trace.branch(trace.at(trace.head, fork), path[fork:], bad.source or "model")
            runs.append(Run(span.id, start, len(path)))
        good = as_piece(item.chosen) if item.chosen is not None else None
        try:
            trace.steer(
                trace.at(trace.head, start),
                None if chosen is None else chosen[start:],
                runs,
                source=(good and good.source) or "human",
                reason=item.reason if item.reason is not None else reason,
                tags=item.tags,
                weight=item.weight,
                author=item.author,
                created=item.created,
                aside=item.aside,
                serves=item.serves,
            )
        except SteerError as error:
            raise RefusedError(str(error)) from None
        if chosen is not None:
            self.ids, self.done, self.ended, self.source = chosen, len(chosen), item.end, "model"

    def settle(self, depth: int) -> None:
        """Make spans of the trunk up to `depth`, at least."""
        if depth > self.done:
            self.trace.grow(self.ids[self.done : depth], self.source)
            self.done = depth

    def _goes_on(self) -> None:
        if self.ended:
            raise RefusedError("nothing can follow the end of the answer")

    def _after(self, ids: list[int], piece: Piece, field: str) -> tuple[list[int], int]:
        """`ids` with `piece` after them, and how many of `ids` are still there."""
        if piece.ids is not None and self.trust:
            self._check(piece, field)
            return [*ids, *piece.ids], len(ids)
        keep, added = len(ids), list[int]()
        if text := self._plain(piece, field):
            keep, added = self._placed(ids, 0, text, self.done, field)
        return [*ids[:keep], *added, *([self.tok.end_id] if piece.end else [])], keep

    def _chosen(self, item: Correction, rejected: list[Piece], paths: list[list[int]]) -> list[int]:
        """The trunk with the correction in its place, as an edit of the rejected path that has most in common."""
        good = as_piece(item.chosen or "")
        if good.ids is not None and self.trust:
            self._check(good, "chosen")
            if item.end and not good.end:
                _refuse('the ids of a text that ends the answer must end it; say "end": true beside them', "chosen")
            return [*self.ids, *good.ids]
        text = self._plain(good, "chosen")
        typed, base, shared, back = text.encode(errors="replace"), self.ids, 0, 0
        for path, bad in zip(paths, rejected, strict=True):
            common = shared_text(typed, bad.exact)
            if base is self.ids or common > shared:
                base, shared, back = path, common, len(bad.exact) - common
        keep, added = self._placed(base, back, typed[shared:].decode() if shared else text, 0, "chosen")
        return [*base[:keep], *added, *([self.tok.end_id] if item.end else [])]

    def _placed(self, ids: list[int], back: int, text: str, floor: int, field: str) -> tuple[int, list[int]]:
        try:
            return place_back(self.tok, ids, back, text, floor=floor)
        except SteerError as error:
            _refuse(str(error), field)

    def _plain(self, piece: Piece, field: str) -> str:
        if piece.special or (piece.hex is not None and "\ufffd" in piece.text):
            what = "special tokens" if piece.special else "half characters"
            _refuse(f"holds {what} that have no text, so it cannot go to another tokenizer", field)
        return piece.text

    def _check(self, piece: Piece, field: str) -> None:
        """Ids must be in the vocabulary and say the text that stands beside them."""
        tok, ids = self.tok, piece.ids or []
        for number, token in enumerate(ids):
            if token >= tok.size:
                _refuse(f"{token} is not in the vocabulary of {tok.size} tokens", _below(field, f"ids[{number}]"))
        if to_bytes(tok, ids) != piece.exact:
            said = to_bytes(tok, ids).decode(errors="replace")
            _refuse(f"the ids say {_short(said)}, the text says {_short(piece.text)}", _below(field, "ids"))
        ends = [number for number, token in enumerate(ids) if token in tok.end_ids]
        if ends != ([len(ids) - 1] if piece.end else []):
            _refuse('an end-of-answer token must be the last one, and "end" must say so', _below(field, "ids"))


def branch(trace: Trace, tok: Tokenizer, trunk: Sequence[int], item: Branch, reason: str | None) -> None:
    """A steer away from the trunk: its context forks off where its text does, and the head stays where it is."""
    history, cursor, head = trace.history, trace.cursor, trace.head
    after = as_piece(item.after)
    off = Trunk(trace, tok, trust=False)
    text = off._plain(after, "after").encode()
    shared = shared_text(text, to_bytes(tok, trunk))
    keep, added = off._placed(list(trunk), len(to_bytes(tok, trunk)) - shared, text[shared:].decode(), 0, "after")
    fork = trace.at(head, keep)
    trace.history, trace.cursor = [fork], 0
    try:
        side = Trunk(trace, tok, trust=False, ids=trunk[:keep])
        side.ids += added
        side.steer(item, reason)
    finally:
        trace.history, trace.cursor = history, cursor


def reorder(trace: Trace, numbers: Sequence[int | None]) -> None:
    """Put the steers into the order of an export's `steer` numbers, which are parallel to them, where all have one."""
    if None in numbers or sorted(number or 0 for number in numbers) != list(range(len(trace.steers))):
        return
    pairs = sorted(zip(numbers, trace.steers, strict=True), key=lambda pair: pair[0] or 0)
    trace.steers = [replace(steer, id=place) for place, (_, steer) in enumerate(pairs)]


def _refuse(message: str, field: str) -> NoReturn:
    raise RefusedError(message, field)


def _below(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
