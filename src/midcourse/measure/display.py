"""Token ids as a report shows them: one string a token, as `trace.display` makes it."""

from __future__ import annotations

from collections.abc import Sequence

from midcourse.measure.result import Tokens
from midcourse.trace.display import END, Display
from midcourse.trace.text import Tokenizer

__all__ = ["END", "tokens"]


def tokens(tok: Tokenizer, ids: Sequence[int]) -> Tokens:
    """`ids` with their display strings, parallel. Bytes that never become a character show as U+FFFD."""
    display = Display(tok)
    pieces = [display.next(token) for token in ids]
    if pieces:
        pieces[-1] += display.rest()
    return Tokens(ids=list(ids), pieces=pieces)
