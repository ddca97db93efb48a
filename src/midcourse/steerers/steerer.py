"""What steers an answer when no person does: a person's attention, in two halves.

A `Steerer` looks at a session and gives an `Attention` for it. While the model writes, `reads` sees every token and
says when to stop; when the model has stopped, for whatever reason, `acts` uses the session's operations as a person
would and says whether the model shall go on. One answer at a time or many, a steerer does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from midcourse.errors import ContextError
from midcourse.session import Session
from midcourse.trace import Trace


class Attention(Protocol):
    """One steerer looking at one answer."""

    @property
    def waiting(self) -> bool:
        """Whether the model shall write before the steerer acts again; False where something is to be done already."""

    @property
    def limit(self) -> int:
        """At most so many tokens in the next run."""

    def reads(self, token: int) -> bool:
        """Take the next token that the model wrote; True if it shall stop now."""

    def acts(self, session: Session) -> bool:
        """The model has stopped: steer, finish or give up. True if the model shall go on."""


class Steerer(Protocol):
    """Whoever can look at a session."""

    def attend(self, session: Session) -> Attention:
        """Begin to look at `session`, as far as it has got."""

    def prepare(self, stopped: Sequence[tuple[Session, Attention]]) -> None:
        """Think about several stopped answers at once, before `acts` is called for each. May do nothing."""


class Effort(NamedTuple):
    """What was done for an answer: how many corrections, and how many tokens typed or picked in them."""

    steers: int
    tokens: int


def effort(trace: Trace, sources: Sequence[str] = ("human",)) -> Effort:
    """The effort in `trace`: its corrections (not its marks) whose tokens come from `sources`."""
    runs = [steer.chosen for steer in trace.steers if steer.chosen is not None]
    mine = [run for run in runs if trace.spans[run.span].source in sources]
    return Effort(len(mine), sum(run.stop - run.start for run in mine))


def steer_answer(session: Session, steerer: Steerer) -> Trace:
    """Let `steerer` see one answer through, from where the session is. The trace is saved as the session saves it."""
    attention = steerer.attend(session)
    going = True
    while going:
        if attention.waiting:
            try:
                stream = session.resume(max_tokens=attention.limit, top=0)
            except ContextError:  # no room left: the answer stays as it is, unfinished
                break
            for step in stream:
                if attention.reads(step.id):
                    break
            session.stop()
        steerer.prepare([(session, attention)])
        going = attention.acts(session)
    return session.trace
