"""Texts of traces and steers, stored beside them so that listing and searching need no tokenizer: short ones to be
listed, and of both sides of a steer as much as anybody looks for.

They are for the eye only: whoever needs the exact text decodes the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from midcourse.trace.display import behind
from midcourse.trace.tree import Message, Run, Steer, Trace

Decode = Callable[[Sequence[int]], str]  # ids of one trace's tokenizer to text; damaged characters become U+FFFD

CONTEXT_TOKENS = 16
SIDE_TOKENS = 48
SEARCHED_TOKENS = 512  # of a side
CHARACTERS = 200

_FREQUENT = " etaoinsrhldcumfgpwybvkjxqz0123456789-"  # the most frequent first; LIKE cannot skip to those beyond ASCII


class Texts(NamedTuple):
    """How a steer reads: the last words before it, the correction, and what was rejected. None: nobody decoded it.

    `sides` are all of its sides at length, to search in.
    """

    context: str | None = None
    chosen: str | None = None
    rejected: tuple[str, ...] | None = None
    sides: tuple[str, ...] = ()


def of_steer(trace: Trace, steer: Steer, decode: Decode | None) -> Texts:
    """The texts of a steer; all None without `decode`."""
    if decode is None:
        return Texts()
    run = steer.chosen or steer.rejected[0]
    context = trace.run_ids(Run(run.span, max(run.start - CONTEXT_TOKENS, 0), run.start))

    def side(run: Run, tokens: int) -> str:
        return behind(decode, context, trace.run_ids(run)[:tokens])[1].rstrip("\ufffd")

    every = [*([steer.chosen] if steer.chosen else []), *steer.rejected]
    begun = [side(run, SIDE_TOKENS) for run in every]
    listed = [text[:CHARACTERS] for text in begun]
    return Texts(
        _decoded(decode, context)[-CHARACTERS:],
        listed.pop(0) if steer.chosen else None,
        tuple(listed),
        tuple(
            text if run.stop - run.start <= SIDE_TOKENS else side(run, SEARCHED_TOKENS)
            for run, text in zip(every, begun, strict=True)
        ),
    )


def of_answer(trace: Trace, decode: Decode | None) -> str | None:
    """How the accepted answer begins."""
    return (
        None
        if decode is None
        else _decoded(decode, trace.answer(trace.at(trace.head, min(trace.depth(trace.head), SIDE_TOKENS))))[
            :CHARACTERS
        ]
    )


def of_messages(messages: Sequence[Message]) -> str:
    """What the user said last (or else whoever spoke last) in one line."""
    said = [message for message in messages if message.get("role") == "user"] or list(messages)
    content = said[-1].get("content") if said else None
    if isinstance(content, list):  # parts, of which some are text
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return " ".join(str(content or "").split())[:CHARACTERS]


def searchable(*texts: str | None) -> str:
    """All texts in one, in the form that `search_for` finds."""
    return "\n".join(text for text in texts if text).casefold()


def search_for(text: str) -> tuple[str, str]:
    """The form in which a text is looked for, after its own end from the letter on that is rarest in texts.

    What has not that end cannot have the whole, and a database is quicker to look for it: `LIKE` skips to the next
    place where the first letter stands, and an "n" stands in every word.
    """
    folded = text.casefold()
    start = max(range(len(folded)), key=lambda place: _FREQUENT.find(folded[place]), default=0)
    return folded[start:], folded


def _decoded(decode: Decode, ids: Sequence[int]) -> str:
    return decode(ids).strip("\ufffd") if ids else ""  # a cut may fall inside a character
