"""What is said about a trace and its steers: it changes no token, and the model goes on writing meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from midcourse.errors import ConfigError, SteerError
from midcourse.session.live import Live
from midcourse.trace import Steer, Trace
from midcourse.trace.text import Tokenizer


class Notes(TypedDict, total=False):
    """What may be changed about a steer; see `trace.tree.Steer`."""

    reason: str | None
    tags: tuple[str, ...]
    weight: float
    aside: bool
    serves: tuple[str, ...]


def annotate(live: Live, number: int, **notes: Unpack[Notes]) -> Steer:
    """Change what steer `number` says about itself; what is not given stays. Raises `SteerError` if there is none."""
    with live.note() as trace:
        if not 0 <= number < len(trace.steers):
            raise SteerError(f"there is no steer {number} in an answer with {len(trace.steers)} of them")
        trace.steers[number] = replace(trace.steers[number], **notes)
        return trace.steers[number]


def describe(live: Live, *, tags: tuple[str, ...] | None = None, attributes: Mapping[str, Any] | None = None) -> None:
    """Change the trace's tags and attributes; what is not given stays.

    Raises `SteerError` for other attributes than those that the model was asked for: they are part of what it has read.
    """
    with live.note() as trace:
        if attributes is not None and dict(attributes) != trace.attributes and asked_for(trace, live.engine.tokenizer):
            raise SteerError(
                "what was asked for is part of what the model has read, and stays; begin another answer to ask for "
                "something else"
            )
        trace.tags = trace.tags if tags is None else tags
        trace.attributes = trace.attributes if attributes is None else dict(attributes)


def asked_for(trace: Trace, tok: Tokenizer) -> bool:
    """Whether the trace's attributes were part of its prompt; otherwise they only describe the answer."""
    if not trace.attributes or trace.tokenizer != tok.fingerprint:
        return False
    return tok.prompt(trace.messages) != list(trace.prompt)


def asked(trace: Trace, tok: Tokenizer) -> dict[str, float]:
    """What a new answer in the trace's context is to be asked for: its attributes, if they make its very prompt."""
    if not asked_for(trace, tok):
        return {}
    try:
        same = tok.prompt(trace.messages, trace.attributes) == list(trace.prompt)
    except ConfigError:  # another model's
        return {}
    return dict(trace.attributes) if same else {}
