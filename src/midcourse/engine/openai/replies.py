"""What endpoints answer, in the shapes that they have: pieces of text, ids where they say them, probabilities.

Log-probabilities have two shapes: parallel lists (`tokens`, `token_logprobs`, `top_logprobs` as objects by text), as
OpenAI's completions had them and vLLM has them, and a list of objects, as chat completions have them and llama.cpp has
them everywhere. Ids are said as `token_ids` (vLLM, with `return_token_ids`), as `id` in those objects (llama.cpp), or
as texts such as `token_id:42` (vLLM, with `return_tokens_as_token_ids`). Only `token_ids` are surely all of them: of
a character in several tokens llama.cpp shows the last one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NAMED = "token_id:"


class Said(NamedTuple):
    """One token that an endpoint speaks of: `id` where it says that, else None; `bytes` where it says those."""

    id: int | None
    text: str
    bytes: bytes | None
    logprob: float


class Piece(NamedTuple):
    """A part of an answer. `tokens` are those that its log-probabilities speak of, `tops` parallel to them; `ids` are
    its tokens, `whole` if these are all of them, or None; `finish` says why there is no more."""

    text: str
    ids: list[int] | None
    whole: bool
    tokens: list[Said]
    tops: list[list[Said]]
    finish: str | None


def pieces(reply: Mapping[str, Any]) -> Piece:
    """The first choice of a reply, or of an event of a stream. An event without one is an empty piece."""
    choices = reply.get("choices") or []
    if not choices:
        return Piece("", None, False, [], [], None)
    choice = choices[0]
    part = choice.get("delta") or choice.get("message") or choice
    text = part.get("content") if part is not choice else choice.get("text")
    tokens, tops = _logprobs(choice.get("logprobs"))
    ids = choice.get("token_ids")
    whole = ids is not None
    if ids is None and tokens and all(one.id is not None for one in tokens):
        ids = [one.id for one in tokens if one.id is not None]
    return Piece(text or "", ids, whole, tokens, tops, choice.get("finish_reason"))


def _logprobs(found: Any) -> tuple[list[Said], list[list[Said]]]:
    if not isinstance(found, Mapping):
        return [], []
    if found.get("content") is not None:
        content = found["content"]
        return [_object(one) for one in content], [list(map(_object, one.get("top_logprobs") or [])) for one in content]
    texts: Sequence[str] = found.get("tokens") or []
    logprobs = found.get("token_logprobs") or [None] * len(texts)
    tops = found.get("top_logprobs") or [None] * len(texts)
    tokens = [_named(text, logprob) for text, logprob in zip(texts, logprobs, strict=True)]
    return tokens, [[_named(text, value) for text, value in (top or {}).items()] for top in tops]


def _object(one: Mapping[str, Any]) -> Said:
    said = _named(str(one.get("token", "")), one.get("logprob"))
    exact = one.get("bytes")
    return said._replace(id=one.get("id", said.id), bytes=bytes(exact) if exact is not None else None)


def _named(text: str, logprob: float | None) -> Said:
    number = int(text.removeprefix(NAMED)) if text.startswith(NAMED) else None
    return Said(number, "" if number is not None else text, None, math.nan if logprob is None else float(logprob))
