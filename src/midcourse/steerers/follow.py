"""How far an answer follows a reference: token by token, judged on its bytes.

Representation: `_pos` bytes of the reference have been matched by the answer so far, except for `_run`, the
whitespace at the end of the answer that is not matched yet. With exact whitespace `_run` is always empty.

Invariant: while `divergence` is None, the answer so far (without `_run`) is the reference's beginning: byte for byte,
or, with lenient whitespace, up to the length of whitespace runs that agree about whether they break the line.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from midcourse.trace.text import Tokenizer

Whitespace = Literal["exact", "lenient"]
_BLANK = b" \t\r\n"
_SLACK = 16  # so many more bytes of whitespace than the reference has are too much: a model can write blanks for ever


class Divergence(NamedTuple):
    """The first token that leaves the reference, and what would be right there.

    `token` counts answer tokens; `byte` is where in the answer the right text begins (inside or, where whitespace is
    to be replaced, before that token); `right` is the whole rest of the reference from there: "" if the answer should
    end.
    """

    token: int
    byte: int
    right: str


class Follower:
    """Reads an answer's tokens one by one. `complete` says that the whole reference has been written."""

    def __init__(self, reference: str, tok: Tokenizer, whitespace: Whitespace = "exact") -> None:
        self.divergence: Divergence | None = None
        self.ended = False  # the answer ended where the reference does
        self.tokens = 0  # tokens read, those after the divergence too
        self._reference = reference.encode()
        self._tok = tok
        self._lenient = whitespace == "lenient"
        self._pos = 0
        self._run = b""
        self._written = 0  # bytes of the answer, `_run` included

    @property
    def complete(self) -> bool:
        """Whether everything of the reference is there (lenient: but for whitespace at its end)."""
        rest = self._reference[self._pos :]
        return not (rest.strip(_BLANK) if self._lenient else rest)

    @property
    def left(self) -> int:
        """How many bytes of the reference are still to come: an upper bound for tokens, too."""
        return len(self._reference) - self._pos

    def read(self, token: int) -> None:
        """Take the next token of the answer."""
        here, self.tokens = self.tokens, self.tokens + 1
        if self.divergence is not None:
            return
        if token in self._tok.end_ids:
            self.ended = self.complete
            if not self.ended:
                self._diverge(here)
            return
        content = self._tok.token_bytes(token)
        if not content:  # a special token is nobody's text
            self._diverge(here)
            return
        for byte in content:
            if not self._take(bytes([byte])):
                self._diverge(here)
                return

    def expected(self) -> Divergence:
        """What would be right at the end of the answer so far, as if the next token were wrong."""
        assert self.divergence is None
        byte, rest = self._right_place()
        return Divergence(self.tokens, byte, self._reference[rest:].decode())

    def _diverge(self, token: int) -> None:
        byte, rest = self._right_place()
        right = "" if self.complete else self._reference[rest:].decode()
        self.divergence = Divergence(token, byte, right)

    def _take(self, byte: bytes) -> bool:
        reference, pos = self._reference, self._pos
        if self._lenient and byte in _BLANK:
            wanted = self._blank_at(pos)
            run = self._run + byte
            allowed = bool(wanted) or pos in (0, len(reference))
            breaks = b"\n" in run and b"\n" not in wanted and 0 < pos < len(reference)
            if not allowed or breaks or len(run) > len(wanted) + _SLACK:
                return False
            self._run = run
            self._written += 1
            return True
        if self._lenient:
            wanted = self._blank_at(pos)
            if self._run:
                if not self._will_do(wanted):
                    return False
                pos += len(wanted)
            if reference[pos : pos + 1] != byte:
                return False
            self._run = b""
        elif reference[pos : pos + 1] != byte:
            return False
        self._pos = pos + 1
        self._written += 1
        return True

    def _blank_at(self, pos: int) -> bytes:
        rest = self._reference[pos:]
        return rest[: len(rest) - len(rest.lstrip(_BLANK))]

    def _right_place(self) -> tuple[int, int]:
        """Where in the answer right text would begin, and where in the reference it does; between characters."""
        wanted = self._blank_at(self._pos)
        if self._run and self._will_do(wanted) and not self.complete:
            byte, rest = self._written, self._pos + len(wanted)  # the whitespace will do
        else:
            byte, rest = self._written - len(self._run), self._pos
            for had, needed in zip(self._run, wanted, strict=False):  # replace no more of it than must be
                if had != needed:
                    break
                byte, rest = byte + 1, rest + 1
        while rest < len(self._reference) and self._reference[rest] & 0xC0 == 0x80:  # inside a character
            byte, rest = byte - 1, rest - 1
        return byte, rest

    def _will_do(self, wanted: bytes) -> bool:
        """Whether the blanks at the answer's end pass for those of the reference; at the beginning any do."""
        if not self._pos:
            return True
        return bool(wanted) and (b"\n" in self._run) == (b"\n" in wanted)
