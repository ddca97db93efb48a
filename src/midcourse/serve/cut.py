"""The text of an answer as it comes: whole characters, and nothing of what a stop sequence ends.

Representation: text that may be the beginning of a stop sequence, or of which a character is not complete, is held back
until it is decided. Text goes out with its tokens, whole tokens only, whose bytes are that text.

Invariant: what goes out, joined, is the answer's text up to the first stop sequence; tokens go out in order, and those
that begin after it never.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Sequence

from midcourse.engine.contract import Step
from midcourse.trace.text import Tokenizer


class Cut:
    """An answer that ends before the first of `stops`; `stopped` says that it has."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stops = tuple(stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._out = 0  # characters that went out
        # and where each begins and ends in the text, and whether it ends a character
        self._waiting: deque[tuple[Step, int, int, bool]] = deque()
        self.stopped = False

    def feed(self, step: Step) -> tuple[str, list[Step]]:
        """What goes out now that this token is there: text, and tokens."""
        begin = self._out + len(self._held)
        self._held += self._decoder.decode(self._tokenizer.token_bytes(step.id))
        whole = not self._decoder.getstate()[0]
        self._waiting.append((step, begin, self._out + len(self._held), whole))
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.stopped = True
            text, self._held = self._held[: min(places)], ""
            self._out += len(text)
            tokens = [step for step, begin, *_ in self._waiting if begin < self._out]
            self._waiting.clear()
            return text, tokens
        return self._release(self._out + len(self._held) - self._undecided())

    def rest(self) -> tuple[str, list[Step]]:
        """What is left where no stop sequence came; bytes that never became a character are U+FFFD."""
        self._held += self._decoder.decode(b"", final=True)
        text, self._held = self._held, ""
        self._out += len(text)
        tokens = [step for step, *_ in self._waiting]
        self._waiting.clear()
        return text, tokens

    def _release(self, decided: int) -> tuple[str, list[Step]]:
        """The tokens that end before `decided` characters, up to one that ends a character, and their text."""
        ends = [place for place, (*_, end, whole) in enumerate(self._waiting) if whole and end <= decided]
        if not ends:
            return "", []
        tokens = [self._waiting.popleft() for _ in range(ends[-1] + 1)]
        count = tokens[-1][2] - self._out
        text, self._held = self._held[:count], self._held[count:]
        self._out += count
        return text, [step for step, *_ in tokens]

    def _undecided(self) -> int:
        """How many characters at the end may be the beginning of a stop sequence."""
        most = min(len(self._held), max(map(len, self._stops), default=1) - 1)
        for count in range(most, 0, -1):
            if any(stop.startswith(self._held[-count:]) for stop in self._stops):
                return count
        return 0
