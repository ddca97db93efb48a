"""The dials of a conversation in the terminal: what can be asked for, what is asked for, and another answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from midcourse.attributes.asking import changed, dials, spoken
from midcourse.cli.console import say
from midcourse.errors import SteerError

if TYPE_CHECKING:
    from midcourse.attributes.conditioning import Conditioning
    from midcourse.session import Session


def ask_for(session: Session, settings: Sequence[str]) -> tuple[Session, bool]:
    """Begin another answer to the same conversation, asked for other values; whether there is one to be written.

    What was asked for stays unless it is named; `verbosity=` leaves it open again. Without settings the person is told
    what there is. Raises `SteerError` where nothing can be asked for, `ConfigError` for what does not fit.
    """
    told = _told(session)
    if told is None:
        raise SteerError(f"{session.engine.model_name} has not learned to be told attributes: nothing can be asked for")
    before = still(session)
    if not settings:
        say(f"{dials(told)}\nasked for {spoken(before) or 'nothing'}")
        return session, False
    values = changed(before, settings, told, ":ask")
    say(f"asked for {spoken(values) or 'nothing'}")
    return session.again(attributes=values), True


def still(session: Session) -> dict[str, float]:
    """What this answer was asked for and the next one can be asked for; not what only describes it."""
    from midcourse.session.notes import asked_for

    told, trace = _told(session), session.trace
    if told is None or not asked_for(trace, session.engine.tokenizer):
        return {}
    wrong = {name for name, _ in told.attributes.wrong(trace.attributes)}
    return told.attributes.ordered({name: value for name, value in trace.attributes.items() if name not in wrong})


def _told(session: Session) -> Conditioning | None:
    """How the session's model is told attributes, if it has learned to be."""
    found: Conditioning | None = getattr(session.engine.tokenizer, "conditioning", None)
    return found
