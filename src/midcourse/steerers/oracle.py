"""An oracle: it steers as a person would who knows the answer.

It reads along, lets the model run a little past the first mistake (so that there is something to reject), stops it,
types a few tokens of the right text from the point of divergence, and lets it go on. It ends the answer where the
model would run on, and rejects an end that comes too early. Its traces are those of a person: source `human`, author
`oracle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from midcourse.session import Session
from midcourse.steerers.follow import Divergence, Follower, Whitespace
from midcourse.steerers.steerer import Attention
from midcourse.trace import Message
from midcourse.trace.text import Tokenizer, place, to_bytes

Cut = Literal["full", "lines", "line", "words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """How a person with a known answer steers.

    `reference` is the right answer, or says it for a conversation. The model runs `run_on` tokens past its first wrong
    one; then at most `max_typed` tokens are typed, at most `max_steers` times. `cut` says where typing ends within
    `max_typed`: "full" uses all of it, "words" ends after a whole word, "lines" after the last whole line that fits,
    "line" with the line of the mistake; each falls back to "words", then "full", where nothing fits. `whitespace`
    "lenient" lets any run of blanks pass for another that agrees about breaking the line.
    """

    reference: str | Callable[[Sequence[Message]], str]
    run_on: int = 8
    max_typed: int = 12
    max_steers: int = 16
    cut: Cut = "full"
    whitespace: Whitespace = "exact"
    reason: str | None = None
    tags: tuple[str, ...] = ()
    author: str = "oracle"

    def attend(self, session: Session) -> OracleAttention:
        """Begin to look at `session`."""
        known = self.reference if isinstance(self.reference, str) else self.reference(session.trace.messages)
        return OracleAttention(self, known, session)

    def prepare(self, stopped: Sequence[tuple[Session, Attention]]) -> None:
        """An oracle need not think."""


class OracleAttention:
    """One oracle looking at one answer: a follower of the answer so far, and how many steers it has made."""

    def __init__(self, oracle: Oracle, reference: str, session: Session) -> None:
        self._oracle, self._reference, self._tok = oracle, reference, session.engine.tokenizer
        self._steers = 0
        self._look(session)

    @property
    def waiting(self) -> bool:
        """Until the first mistake or the end has been read."""
        return self._follower.divergence is None and not self._follower.ended

    @property
    def limit(self) -> int:
        """Enough for the rest of the reference, in tokens of a byte each, and for running on."""
        return 2 * self._follower.left + self._oracle.run_on + 32

    def reads(self, token: int) -> bool:
        """Stop `run_on` tokens past the first wrong token."""
        self._follower.read(token)
        wrong = self._follower.divergence
        return wrong is not None and self._follower.tokens > wrong.token + self._oracle.run_on

    def acts(self, session: Session) -> bool:
        """Correct the first mistake, accept a right answer, or give up: then the head goes back to what was right."""
        wrong = self._follower.divergence
        if wrong is None:
            if self._follower.ended:
                session.finish()
            return False  # otherwise a limit was reached
        if self._steers >= self._oracle.max_steers:
            session.branch(wrong.token)
            return False
        self._steers += 1
        oracle = self._oracle
        ends, answer = not wrong.right, session.answer()
        whole = wrong.byte == len(to_bytes(self._tok, answer[: wrong.token]))  # counts for tokens without bytes
        session.steer(
            "" if ends else typed(self._tok, answer, wrong, oracle.max_typed, oracle.cut),
            depth=wrong.token if whole else None,
            byte=None if whole else wrong.byte,
            end=ends,
            rejected_stop=None if self._tok.token_bytes(answer[wrong.token]) else wrong.token + 1,
            reason=oracle.reason,
            tags=oracle.tags,
            author=oracle.author,
        )
        self._look(session)
        if self._follower.ended:
            session.finish()
        return not self._follower.ended

    def _look(self, session: Session) -> None:
        """Read the answer from its beginning: a correction may have moved tokens before it."""
        self._follower = Follower(self._reference, self._tok, self._oracle.whitespace)
        for token in session.answer():
            self._follower.read(token)


def typed(tok: Tokenizer, answer: Sequence[int], wrong: Divergence, at_most: int, cut: Cut) -> str:
    """The beginning of the right text that a person types: the most that `cut` allows within `at_most` tokens.

    Counted are the tokens that the correction will have in its place, after what it shares with the answer is trimmed
    off. At least one character is typed, even if that takes more tokens.
    """
    end = _fits(tok, answer, wrong, at_most)
    while True:
        text = _sensible(wrong.right, end, cut)
        if len(text) == 1 or _size(tok, answer, wrong, text) <= at_most:
            return text
        end = len(text) - 1  # a shorter text may be tokenized otherwise


def _placed(tok: Tokenizer, answer: Sequence[int], wrong: Divergence, text: str) -> tuple[int, int, list[int]]:
    """Where the text's tokens begin, how many of them the answer already has there, and the tokens."""
    placed = place(tok, answer[: wrong.token + 1], wrong.byte, text)
    shared = 0
    for old, new in zip(answer[placed.keep :], placed.ids, strict=False):
        if old != new:
            break
        shared += 1
    return placed.keep, shared, placed.ids


def _size(tok: Tokenizer, answer: Sequence[int], wrong: Divergence, text: str) -> int:
    _, shared, ids = _placed(tok, answer, wrong, text)
    return len(ids) - shared


def _fits(tok: Tokenizer, answer: Sequence[int], wrong: Divergence, at_most: int) -> int:
    """How many characters of the right text the first `at_most` new tokens hold; at least one."""
    keep, shared, ids = _placed(tok, answer, wrong, wrong.right)
    written = to_bytes(tok, [*answer[:keep], *ids[: shared + at_most]])[wrong.byte :]
    return max(1, len(written.decode(errors="ignore")))


def _sensible(right: str, end: int, cut: Cut) -> str:
    """`right` up to `end` characters, or to the last better place before."""
    if end >= len(right) and cut != "line":
        return right
    text = right[:end]
    if cut == "line":
        line = len(right) - len(right.lstrip("\n"))  # a mistake at a line's end is corrected with the next line
        first = right.find("\n", line)
        if first >= 0:
            stop = first + 1
            while right[stop : stop + 1] == "\n":
                stop += 1
            if stop <= end:
                return right[:stop]
        elif end >= len(right):
            return right
    if cut == "lines" and (last := text.rstrip("\n").rfind("\n") if not text.endswith("\n") else len(text) - 1) > 0:
        return text[: last + 1]
    if cut != "full" and not right[end].isspace() and (space := _last_word(text)):
        return text[:space]
    return text


def _last_word(text: str) -> int:
    """Where the last whole word of `text` ends; 0 if there is none."""
    stop = len(text)
    while stop and not text[stop - 1].isspace():
        stop -= 1
    return len(text[:stop].rstrip())
