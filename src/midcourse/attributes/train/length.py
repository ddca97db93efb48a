"""Conversations that are too long: what they lose, by a rule that is the same for training and for predictors.

The longest message before the answer loses its middle, as many tokens as are too many: an instruction stands at its
beginning or at its end. If that is not enough, the next longest one does. An answer that has more than half of the
room by itself loses its end, and is then not ended: its end token is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from midcourse.trace.tree import Message

GAP = " … "
LEAST = 8  # tokens that a message keeps


class Tokens(Protocol):
    """What is asked of a tokenizer."""

    def encode(self, text: str) -> list[int]: ...  # noqa: D102
    def token_bytes(self, token: int) -> bytes: ...  # noqa: D102


class Fitted(NamedTuple):
    """A conversation that fits; `kept` of the answer's tokens, and how many tokens its messages lost."""

    before: list[Message]
    kept: int
    lost: int


def fit(
    tok: Tokens,
    before: Sequence[Message],
    answer: int,
    limit: int,
    measure: Callable[[list[Message]], int],
) -> Fitted | None:
    """`before` and an answer of `answer` tokens within `limit`; `measure` gives the tokens of a prompt.

    None where nothing helps: what a template adds, and the least of each message, leave no room.
    """
    messages = [dict(message) for message in before]
    room = limit - measure(messages)
    kept = min(answer, max(limit // 2, room))
    lost = 0
    while (much := kept - (limit - measure(messages))) > 0:
        sizes = [len(tok.encode(str(message["content"]))) for message in messages]
        place = max(range(len(messages)), key=sizes.__getitem__)
        shorter = _without_middle(tok, str(messages[place]["content"]), max(LEAST, sizes[place] - much - 4))
        less = sizes[place] - len(tok.encode(shorter))
        if less <= 0:
            return None
        lost += less
        messages[place]["content"] = shorter
    return Fitted(messages, kept, lost)


def _without_middle(tok: Tokens, text: str, tokens: int) -> str:
    """About `tokens` tokens of `text`: its beginning and its end."""
    ids = tok.encode(text)
    head, tail = ids[: (tokens + 1) // 2], ids[len(ids) - tokens // 2 :]
    first, last = (b"".join(map(tok.token_bytes, part)).decode(errors="ignore") for part in (head, tail))
    return f"{first.rstrip()}{GAP}{last.lstrip()}"
