"""A teacher: a second model that proposes the correction.

It sees the conversation and an instruction, and as the beginning of its own answer the text of this one up to the
place in question; what it would write next is its proposal. Where it agrees with what stands there, nothing happens;
otherwise its text goes into a steer with the source `teacher`. It has its own tokenizer: the two models share text,
never ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from midcourse.engine.choice import Sampling
from midcourse.session import Session
from midcourse.session.session import GREEDY
from midcourse.steerers.batch import BatchWriter
from midcourse.steerers.steerer import Attention
from midcourse.steerers.where import Where
from midcourse.trace import Message
from midcourse.trace.text import to_bytes

INSTRUCTION = "Answer correctly, completely and to the point, and in the form that is asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """How a model steers another one.

    The answer is judged when the model has ended it, or every `every` tokens; `where` says at which token, at most
    `max_looks` times an answer. A proposal has up to `max_typed` tokens of the teacher's; up to `rejected` tokens of
    what stood in its place are rejected. After `max_steers` corrections the model goes on by itself. An answer that
    ends with nothing to correct is finished.
    """

    engine: BatchWriter
    where: Where
    instruction: str = INSTRUCTION
    max_typed: int = 12
    max_steers: int = 4
    max_looks: int = 16
    max_tokens: int = 512
    every: int | None = None
    rejected: int = 16
    sampling: Sampling = GREEDY
    reason: str | None = None
    tags: tuple[str, ...] = ()

    def attend(self, session: Session) -> TeacherAttention:
        """Begin to look at `session`."""
        return TeacherAttention(self, session)

    def prepare(self, stopped: Sequence[tuple[Session, Attention]]) -> None:
        """Ask the teacher about all places at once."""
        asked = [(session, look) for session, look in stopped if isinstance(look, TeacherAttention)]
        places = [look.place(session) for session, look in asked]
        questions = [(s, look, depth) for (s, look), depth in zip(asked, places, strict=True) if depth is not None]
        proposals = self.propose([(session, depth) for session, _, depth in questions])
        for (_, look, _), proposal in zip(questions, proposals, strict=True):
            look.proposal = proposal

    def propose(self, places: Sequence[tuple[Session, int]]) -> list[Proposal]:
        """What the teacher would write at each depth, parallel to `places`."""
        tok, engine = self.engine.tokenizer, self.engine
        prefixes = []
        for session, depth in places:
            begun = to_bytes(session.engine.tokenizer, session.answer()[:depth]).decode(errors="ignore")
            prefixes.append([*tok.prompt(self._lesson(session.trace.messages)), *tok.encode(begun)])
        fitting = [number for number, ids in enumerate(prefixes) if len(ids) + self.max_typed <= engine.context_length]
        proposals = [Proposal("", False)] * len(prefixes)  # nothing to say where the context is too short for it
        if fitting:
            made = engine.batch([prefixes[n] for n in fitting], self.sampling, max_tokens=self.max_typed)
            for number, text in zip(fitting, made, strict=True):
                ends = bool(text.ids) and text.ids[-1] in tok.end_ids
                proposals[number] = Proposal(to_bytes(tok, text.ids).decode(errors="ignore"), ends)
        return proposals

    def _lesson(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation with the instruction in its system prompt."""
        rest = list(messages)
        system = [rest.pop(0)["content"]] if rest and rest[0]["role"] == "system" else []
        return [{"role": "system", "content": "\n\n".join([*system, self.instruction])}, *rest]


class Proposal(NamedTuple):
    """Text that the teacher would write, and whether it would end the answer after it."""

    text: str
    ends: bool


class TeacherAttention:
    """One teacher looking at one answer: everything before depth `_judged` is settled."""

    def __init__(self, teacher: Teacher, session: Session) -> None:
        self.proposal: Proposal | None = None
        self._teacher = teacher
        self._end_ids = session.engine.tokenizer.end_ids
        self._judged = self._steers = self._looks = self._unread = 0
        self._place: int | None = None
        self._ended = session.ended
        self._written = len(session.answer())

    @property
    def waiting(self) -> bool:
        """Until the answer ends, or enough has been written since the last look."""
        return not self._ended and self.limit > 0

    @property
    def limit(self) -> int:
        """Up to the next look."""
        room = self._teacher.max_tokens - self._written
        every = self._teacher.every
        return max(0, room if every is None else min(room, every - self._unread))

    def reads(self, token: int) -> bool:
        """The run's limit is where the teacher looks."""
        self._unread += 1
        self._written += 1
        self._ended = token in self._end_ids
        return False

    def place(self, session: Session) -> int | None:
        """Where to look now; None if there is nothing to look at any more."""
        teacher = self._teacher
        able = self._steers < teacher.max_steers and self._looks < teacher.max_looks
        self._place = teacher.where(session, self._judged) if able else None
        self.proposal = None
        return self._place

    def acts(self, session: Session) -> bool:
        """Correct the place if the teacher would write something else; otherwise look on, or finish."""
        self._unread = 0
        if self._place is None:
            if self._ended:
                session.finish()
            return not self._ended and self._written < self._teacher.max_tokens
        assert self.proposal is not None, "prepare() comes before acts()"
        self._looks += 1
        self._judged = self._place + 1
        if self._steer(session, self._place, self.proposal):
            self._steers += 1
            self._ended = session.ended
            self._judged = self._written = len(session.answer())
        return True

    def _steer(self, session: Session, depth: int, proposal: Proposal) -> bool:
        answer, tok, teacher = session.answer(), session.engine.tokenizer, self._teacher
        begun = to_bytes(tok, answer[:depth]).decode(errors="ignore").encode()
        there = to_bytes(tok, answer)[len(begun) :]
        text = proposal.text.encode()
        agrees = there.startswith(text) and not (proposal.ends and there != text)
        if agrees or (text.startswith(there) and not session.ended):  # as far as either has got
            return False
        session.steer(
            proposal.text,
            byte=len(begun),
            end=proposal.ends,
            rejected_stop=min(len(answer), depth + teacher.rejected),
            source="teacher",
            reason=teacher.reason,
            tags=teacher.tags,
            author=teacher.engine.model_name,
        )
        return True
