"""Token ids as a report shows them: one string a token, as `trace.display` makes it."""

from __future__ import annotations

from collections.abc import Sequence

from midcourse.measure.result import Tokens
from midcourse.trace.display import END, Display
from midcourse.trace.text import Tokenizer

__all__ = ["END", "tokens"]


def tokens(tok: Tokenizer, ids: Sequence[int], before: Sequence[int] = (), *, goes_on: bool = False) -> Tokens:
    """`ids` with their display strings, parallel.

    A character that begins in `before` is shown with the token that completes it. Bytes that never become one show as
    U+FFFD; at the end they are left out where the text `goes_on`, for what follows shows them.
    """
    display = Display(tok)
    for token in before[-3:]:
        display.next(token)
    pieces = [display.next(token) for token in ids]
    if pieces and not goes_on:
        pieces[-1] += display.rest()
    return Tokens(ids=list(ids), pieces=pieces)
