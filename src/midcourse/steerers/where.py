"""Where to correct an answer, for a steerer that does not know the right one.

A place is asked for again after it was judged; `start` is the depth before which everything has been.
"""

from __future__ import annotations

from collections.abc import Callable

from midcourse.session import Session
from midcourse.steerers.follow import Follower, Whitespace

Where = Callable[[Session, int], int | None]
"""The depth of the token of `session`'s answer to look at, at or after a depth; None: nowhere."""


def least_sure(at_most: float = -0.7) -> Where:
    """The model's own token that it gave the lowest log-probability, if that is at most `at_most` nats."""

    def where(session: Session, start: int) -> int | None:
        trace, depth = session.trace, 0
        found: tuple[float, int] | None = None
        for span, length in trace.path(trace.head):
            for place, logprob in enumerate((span.logprobs or ())[:length], start=depth):
                if place >= start and logprob <= at_most and (found is None or logprob < found[0]):
                    found = (logprob, place)
            depth += length
        return None if found is None else found[1]

    return where


def diverging_from(reference: str, whitespace: Whitespace = "exact") -> Where:
    """The first token that leaves a reference: an oracle says where, and somebody else what."""

    def where(session: Session, start: int) -> int | None:
        follower = Follower(reference, session.engine.tokenizer, whitespace)
        for token in session.answer():
            follower.read(token)
        wrong = follower.divergence
        return None if wrong is None or wrong.token < start else wrong.token

    return where


def at_depth(depth: int) -> Where:
    """A place that is given."""

    def where(session: Session, start: int) -> int | None:
        return depth if start <= depth <= len(session.answer()) else None

    return where
