"""Tokens as a person sees them: one string a token, nothing lost, nothing that is not there.

A character that is split over tokens is shown with the token that completes it, so the string of a token depends on
what precedes it alone. Tokens without text are named: an end of answer is ⟨end⟩, another special token is ⟨id⟩.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

from midcourse.trace.text import Tokenizer, to_text

END = "⟨end⟩"
NEAR = 4  # tokens before a side: a character has no more bytes


def behind(decode: Callable[[Sequence[int]], str], before: Sequence[int], ids: Sequence[int]) -> tuple[str, str]:
    """How `before` and, behind it, `ids` read, where `decode` shows what is no text as U+FFFD.

    A character that begins in one and ends in the other is in the second, whole: a correction of an emoji or of a
    Chinese character is often one of its last bytes alone. What `ids` do not complete stays with `before`.
    """
    known = decode(before).rstrip("\ufffd")
    text = decode([*before, *ids])[len(known) :]
    return (decode(before), decode(ids)) if text.startswith("\ufffd") else (known, text)


def side(tok: Tokenizer, before: Sequence[int], ids: Sequence[int]) -> str:
    """How `ids` read behind `before`; see `behind`."""
    return behind(lambda some: to_text(tok, some), before[-NEAR:], ids)[1]


class Display:
    """Display strings of tokens, one after another. `pending` are the bytes of a character that is not complete yet."""

    def __init__(self, tok: Tokenizer, pending: bytes = b"") -> None:
        self._tok = tok
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._decoder.setstate((pending, 0))

    @property
    def pending(self) -> bytes:
        """What was fed and not shown yet."""
        return self._decoder.getstate()[0]

    def next(self, token: int) -> str:
        """The string of the token that follows."""
        part = self._tok.token_bytes(token)
        if part:
            return self._decoder.decode(part)
        named = END if token in self._tok.end_ids else f"⟨{token}⟩"
        return self._decoder.decode(b"", final=True) + named

    def rest(self) -> str:
        """What remains at the end: bytes that never become a character show as U+FFFD."""
        return self._decoder.decode(b"", final=True)
