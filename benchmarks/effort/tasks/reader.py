"""A person who knows a rule, not the answer: reads along and corrects only what breaks it, in the model's own wording.

A rule looks at the answer so far and says what is the first fault in it. It judges only what more text cannot change,
so a fault stays a fault while the model writes on. Places are characters of the answer; a byte that is no text counts
as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from midcourse.session import Session
from midcourse.steerers import Attention
from midcourse.trace.text import to_bytes

_TYPED = (re.compile(r"\s*\S+"), re.compile(r"\s*\S+(?: \S+)?"))


class Fault(NamedTuple):
    """`right` belongs where the answer has something else from the character `at` on; `ends`: then it is over."""

    at: int
    right: str
    what: str
    ends: bool = False


Rule = Callable[[str, bool], Fault | None]
"""The first fault of an answer so far, or None; the flag says that the answer has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Lets the model write `run_on` tokens past a fault that it sees, types what is right, and lets it go on.

    An answer has at most `limit` tokens, and is given up, back where it was right, after `max_steers` corrections.
    """

    rule: Rule
    limit: int
    run_on: int = 3
    max_steers: int = 12
    author: str = "oracle"

    def attend(self, session: Session) -> ReaderAttention:
        """Begin to look at `session`."""
        return ReaderAttention(self, session)

    def prepare(self, stopped: Sequence[tuple[Session, Attention]]) -> None:
        """A reader need not think."""


class ReaderAttention:
    """One reader looking at one answer. `_fault` is the first one in `_ids`, seen `_past` tokens ago."""

    def __init__(self, reader: Reader, session: Session) -> None:
        self._reader, self._tok = reader, session.engine.tokenizer
        self._steers = 0
        self._look(session)

    @property
    def waiting(self) -> bool:
        """Until a fault or the end has been read."""
        return self._fault is None and not self._ended

    @property
    def limit(self) -> int:
        """What is left of the answer's length, and enough to stop in."""
        return max(self._reader.limit - len(self._ids), 0) + self._reader.run_on + 1

    def reads(self, token: int) -> bool:
        """Stop a little past the first fault."""
        if self._fault is not None:
            self._past += 1
        else:
            self._ids.append(token)
            self._judge()
        return self._fault is not None and self._past >= self._reader.run_on

    def acts(self, session: Session) -> bool:
        """Correct the fault, accept an answer that has none, or give up."""
        fault = self._fault
        if fault is None:
            if self._ended:
                session.finish()
            return False  # otherwise a limit was reached
        byte = len(_text(self._text, fault.at))
        if self._steers >= self._reader.max_steers:
            session.branch(self._depth(byte))
            return False
        self._steers += 1
        session.steer(fault.right, byte=byte, end=fault.ends, reason=fault.what, author=self._reader.author)
        self._look(session)
        if self._fault is None and self._ended:
            session.finish()
            return False
        return True

    def _look(self, session: Session) -> None:
        self._ids = session.answer()
        self._judge()

    def _judge(self) -> None:
        self._past = 0
        self._ended = bool(self._ids) and self._ids[-1] in self._tok.end_ids
        self._text = to_bytes(self._tok, self._ids).decode(errors="surrogateescape")
        self._fault = self._reader.rule(self._text, self._ended)

    def _depth(self, byte: int) -> int:
        """The last depth that is wholly before `byte`."""
        depth = length = 0
        for token in self._ids:
            length += len(self._tok.token_bytes(token))
            if length > byte:
                break
            depth += 1
        return depth


def _text(text: str, stop: int) -> bytes:
    return text[:stop].encode(errors="surrogateescape")


def follows(reference: str, *, next_too: bool = False) -> Rule:
    """The rule that there is one right answer. Typed is the rest of the wrong word; `next_too`: and the next one."""

    def rule(text: str, ended: bool) -> Fault | None:
        pairs = zip(text, reference, strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(text), len(reference)))
        if same == len(reference):
            more = text[same:]
            wrong = more.strip() or (len(more) > 2 and not ended)
            return Fault(same, "", "goes on", ends=True) if wrong else None
        if same == len(text) and not ended:
            return None
        rest = reference[same:]
        typed = _TYPED[next_too].match(rest)
        assert typed is not None
        return Fault(same, typed[0], "not as it should be")

    return rule
