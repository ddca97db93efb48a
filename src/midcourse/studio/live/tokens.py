"""The accepted answer, token by token, as the page shows it.

Representation: parallel lists of what is shown and of the likeliest tokens that the model named there, and the path
(span and how many of its tokens) that they stand for. Text that the model is writing follows the path, in no span yet.

Invariant: the string of a token depends on what precedes it alone, so following another path changes nothing before the
place where the two part.
"""

from __future__ import annotations

from collections.abc import Sequence

from midcourse.engine.sampling import Alternative, Step
from midcourse.studio.schemas.traces import AlternativeView, TokenView
from midcourse.trace import Point, Trace
from midcourse.trace.display import Display
from midcourse.trace.text import Tokenizer

Top = tuple[Alternative, ...]
WRITING = -1  # the span of a token that is in none yet


class Tokens:
    """The tokens of one trace as they are shown."""

    def __init__(self, tok: Tokenizer) -> None:
        self._tok = tok
        self.views: list[TokenView] = []
        self.tops: list[Top | None] = []
        self._pending: list[bytes] = []  # what each token left of a character that the next one may complete
        self._path: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.views)

    def ids(self, stop: int) -> list[int]:
        """The first `stop` ids."""
        return [view.id for view in self.views[:stop]]

    def write(self, step: Step) -> TokenView:
        """The model has written another token."""
        display = self._display(len(self.views))
        self._add(display, step.id, "model", WRITING, step.logprob, step.top or None)
        return self.views[-1]

    def follow(self, trace: Trace, at: Point) -> int:
        """Show the path to `at`; returns the depth from which on something is new."""
        path = trace.path(at)
        keep = _common(self._path, [(span.id, length) for span, length in path])
        old, tops = self.views[keep:], self.tops[keep:]
        del self.views[keep:], self.tops[keep:], self._pending[keep:]
        display, depth, same = self._display(keep), 0, True
        for span, length in path:
            for index in range(max(keep - depth, 0), length):
                place = len(self.views) - keep
                same = same and place < len(old) and old[place].id == span.ids[index]
                logprob = None if span.logprobs is None else span.logprobs[index]
                self._add(display, span.ids[index], span.source, span.id, logprob, tops[place] if same else None)
            depth += length
        self._path = [(span.id, length) for span, length in path]
        return keep

    def note(self, depth: int, top: Top) -> None:
        """Remember the likeliest tokens at a depth that has a token."""
        if depth < len(self.tops):
            self.tops[depth] = top

    def forget(self) -> None:
        """Forget the likeliest tokens everywhere."""
        self.tops = [None] * len(self.views)

    def pending(self, depth: int) -> bytes:
        """The beginning of a character that the token at a depth may complete."""
        return self._pending[depth - 1] if depth else b""

    def alternatives(self, top: Sequence[Alternative], pending: bytes) -> list[AlternativeView]:
        """The likeliest tokens behind `pending` as they are shown, with the character that they complete."""
        ends = self._tok.end_ids
        return [
            AlternativeView(id=one.id, text=self._option(one.id, pending), logprob=one.logprob, ends=one.id in ends)
            for one in top
        ]

    def _option(self, id: int, pending: bytes) -> str:
        whole = Display(self._tok, pending).next(id)
        return Display(self._tok).next(id) if "\ufffd" in whole else whole

    def text(self, before: Sequence[int], ids: Sequence[int]) -> str:
        """How some ids read behind others; the first character may begin in those."""
        display = Display(self._tok)
        for token in before:
            display.next(token)
        shown = _read(display, ids)
        return _read(Display(self._tok), ids) if shown.startswith("\ufffd") else shown

    def _display(self, depth: int) -> Display:
        return Display(self._tok, self.pending(depth))

    def _add(self, display: Display, id: int, source: str, span: int, logprob: float | None, top: Top | None) -> None:
        text = display.next(id)
        ends = id in self._tok.end_ids
        self.views.append(
            TokenView(id=id, text=text, logprob=logprob, source=source, span=span, ends=ends)  # type: ignore[arg-type]
        )
        self.tops.append(top)
        self._pending.append(display.pending)


def _read(display: Display, ids: Sequence[int]) -> str:
    return "".join([display.next(token) for token in ids]) + display.rest()


def _common(old: Sequence[tuple[int, int]], new: Sequence[tuple[int, int]]) -> int:
    """How many tokens two paths share."""
    shared = 0
    for (left, before), (right, after) in zip(old, new, strict=False):
        if left != right:
            break
        shared += min(before, after)
        if before != after:
            break
    return shared
