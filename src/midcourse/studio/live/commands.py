"""What a person can do to a live trace. Each is one command: stopped first, done, saved, told."""

from __future__ import annotations

from typing import TypedDict

from midcourse.errors import SteerError
from midcourse.session import Session
from midcourse.studio.live.trace import LiveTrace
from midcourse.studio.schemas.traces import (
    At,
    Done,
    Draft,
    Goto,
    NewSteer,
    NewTrace,
    NextTurn,
    Regenerate,
    TraceChange,
    Write,
)
from midcourse.trace import Point


class _About(TypedDict):
    reason: str | None
    tags: tuple[str, ...]
    weight: float
    serves: tuple[str, ...]
    author: str | None


def write(trace: LiveTrace, asked: Write) -> Done:
    """Let the model go on from the end."""
    with trace.command(asked.version) as session:
        if session.ended:
            raise SteerError("the answer has ended; steer before its end, or say the next thing")
        _go_on(trace, session)
    return trace.done()


def stop(trace: LiveTrace) -> Done:
    """Stop the model within one token."""
    trace.stop()
    return trace.done()


def steer(trace: LiveTrace, asked: NewSteer) -> Done:
    """Record what was off track and what is right, and let the model go on."""
    made = None
    with trace.command(asked.version) as session:
        about: _About = {
            "reason": asked.reason or None,
            "tags": tuple(asked.tags),
            "weight": asked.weight,
            "serves": tuple(dict.fromkeys(asked.serves)),
            "author": trace.live.author(),
        }
        depth, stop = asked.depth, asked.stop
        trace.goes_on = asked.go_on
        match asked.action:
            case "correct":
                made = session.steer(asked.text, depth=depth, end=asked.ends, rejected_stop=stop, **about)
            case "pick":
                if asked.token is None:
                    raise SteerError("say which token is picked")
                made = session.pick(asked.token, depth, rejected_stop=stop, **about)
            case "end":
                made = session.pick(session.engine.tokenizer.end_id, depth, rejected_stop=stop, **about)
            case "mark":
                made = session.mark(depth, stop, **about)
            case "write":
                session.write(asked.text, depth)
        if asked.go_on and not session.ended:
            _go_on(trace, session)
    return trace.done(None if made is None else made.id)


def draft(trace: LiveTrace, asked: Draft) -> Done:
    """Let the model read ahead what somebody is typing."""
    trace.draft(asked)
    return trace.done()


def regenerate(trace: LiveTrace, asked: Regenerate) -> Done:
    """Let the model write again."""
    with trace.command(asked.version) as session:
        stream = session.regenerate(asked.depth, max_tokens=trace.sampling.max_tokens, sampling=trace.sample())
        trace.go_on(lambda: stream)
    return trace.done()


def undo(trace: LiveTrace, asked: At) -> Done:
    """Put the answer where it was before."""
    with trace.command(asked.version) as session:
        if not session.undo():
            raise SteerError("there is nothing to undo")
    return trace.done()


def redo(trace: LiveTrace, asked: At) -> Done:
    """Take an undo back."""
    with trace.command(asked.version) as session:
        if not session.redo():
            raise SteerError("there is nothing to redo")
    return trace.done()


def goto(trace: LiveTrace, asked: Goto) -> Done:
    """Put the head anywhere."""
    with trace.command(asked.version) as session:
        session.branch(Point(asked.to.span, asked.to.length))
    return trace.done()


def next_turn(trace: LiveTrace, asked: NextTurn) -> Done:
    """Accept the answer, and begin the one to what is said next."""
    with trace.command() as session:
        if not session.answer():
            raise SteerError("there is no answer yet to go on from")
        if not (finished := session.trace.finished):
            session.finish()
        try:
            attributes = trace.still_asked() if asked.attributes is None else asked.attributes
            following = session.next_turn(asked.content, attributes=attributes)
        except BaseException:
            if not finished:
                session.unfinish()
            raise
    new = trace.live.begin(following.trace, trace.sampling)
    new.seat.inherit(trace.seat)
    return _begun(new, asked.go_on)


def begun(trace: LiveTrace, asked: NewTrace) -> Done:
    """A new conversation is stored: let the model begin."""
    return _begun(trace, asked.go_on)


def change(trace: LiveTrace, asked: TraceChange) -> Done:
    """Change what is said about a conversation."""
    from midcourse.session.notes import describe

    if asked.finished is not None and asked.finished != trace.trace.finished:
        with trace.command() as session:
            session.finish() if asked.finished else session.unfinish()
    if asked.attributes is not None and asked.attributes != trace.trace.attributes and trace.asked():
        raise SteerError(
            "what was asked for is part of what the model has read, and stays; let it answer again with others"
        )
    if asked.sampling is not None or asked.tags is not None or asked.attributes is not None:
        with trace.noting() as notes:
            if asked.sampling is not None:
                trace.live.sample(trace, asked.sampling)
            if asked.tags is not None or asked.attributes is not None:
                describe(notes, tags=None if asked.tags is None else tuple(asked.tags), attributes=asked.attributes)
    return trace.done()


def _begun(trace: LiveTrace, go_on: bool) -> Done:
    with trace.command() as session:
        if go_on:
            _go_on(trace, session)
    return trace.done()


def _go_on(trace: LiveTrace, session: Session) -> None:
    trace.go_on(lambda: session.resume(max_tokens=trace.sampling.max_tokens, sampling=trace.sample()))
