"""Token ids as a report shows them: one string a token, nothing lost, nothing that is not there.

A character that is split over tokens is shown with the token that completes it. Tokens without text are named: an end
of answer is ⟨end⟩, another special token is ⟨id⟩.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from midcourse.measure.result import Tokens
from midcourse.trace.text import Tokenizer

END = "⟨end⟩"


def tokens(tok: Tokenizer, ids: Sequence[int]) -> Tokens:
    """`ids` with their display strings, parallel. Bytes that never become a character show as U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    pieces = []
    for token in ids:
        part = tok.token_bytes(token)
        named = "" if part else (END if token in tok.end_ids else f"⟨{token}⟩")
        pieces.append(decoder.decode(part, final=not part) + named)
    if pieces:
        pieces[-1] += decoder.decode(b"", final=True)
    return Tokens(ids=list(ids), pieces=pieces)
