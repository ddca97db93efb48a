"""What an endpoint can do, found out by asking it: a handful of requests of one token each, before anything else.

Nothing here goes by a server's name. The questions, in order: which models there are; whether `/completions` takes ids
(and counts as many as it was given) or text; whether it says ids, and probabilities, and how many alternatives; whether
a chat goes on with an answer that has begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from midcourse.engine.openai.replies import Piece, pieces
from midcourse.errors import ModelError, UserError
from midcourse.remote import Refused, Remote
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Message

Way = Literal["ids", "text", "chat"]
ASKED: list[Message] = [{"role": "user", "content": "Count from one to nine, in words."}]
BEGUN = "one two three four"
TOPS = (20, 10, 5, 1)  # how many alternatives are asked for, until some are given
EXTRAS = {"add_special_tokens": False, "return_token_ids": True, "skip_special_tokens": True}
CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
MISSING = (400, 404, 405, 422, 501)


@dataclass(frozen=True, slots=True)
class Found:
    """What an endpoint can do. `echoes`: a chat that goes on repeats what it goes on with."""

    model: str
    way: Way
    ids_back: bool
    top: int  # 0: no log-probabilities
    extras: bool  # takes fields that OpenAI's own API does not know
    echoes: bool = False
    context: int | None = None


def probe(remote: Remote, tokenizer: Tokenizer, name: str, model: str | None) -> Found:
    """Ask `remote`, whose answers are to be in the tokens of `tokenizer` (the model `name`).

    Raises `UserError` where it can neither complete a text nor go on with an answer, or has several models and none is
    named, `ModelError` where it takes ids and means other tokens by them.
    """
    chosen, about = _model(remote, model)
    context = about.get("max_model_len") or (about.get("meta") or {}).get("n_ctx")
    context = context if isinstance(context, int) else None
    prompt = tokenizer.prompt(ASKED)
    refusals: list[Refused] = []
    for extras in (EXTRAS, {}):
        for top in TOPS:
            body = {"model": chosen, "max_tokens": 4, "temperature": 0, "logprobs": top, **extras}
            reply = _try(remote, "/completions", body | {"prompt": list(prompt)}, refusals)
            if reply is not None and _counted(reply) in (None, len(prompt)):
                piece = pieces(reply)
                back = _same(tokenizer, piece, name, remote.url)
                return Found(chosen, "ids", back, _given(piece, top), bool(extras), context=context)
    spelt = text_of(tokenizer, prompt)
    for extras in (EXTRAS, {}):
        for top in TOPS:
            body = {"model": chosen, "max_tokens": 4, "temperature": 0, "logprobs": top, **extras}
            reply = None if spelt is None else _try(remote, "/completions", body | {"prompt": spelt}, refusals)
            if reply is not None and _counted(reply) in (None, len(prompt)):
                piece = pieces(reply)
                back = piece.whole and _agrees(tokenizer, piece)
                return Found(chosen, "text", back, _given(piece, top), bool(extras), context=context)
    return _chat(remote, tokenizer, chosen, context, refusals)


def text_of(tokenizer: Tokenizer, ids: Sequence[int]) -> str | None:
    """`ids` as text with their special tokens spelt out; None where the tokenizer cannot say how."""
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        return None
    return str(inner.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _model(remote: Remote, asked: str | None) -> tuple[str, dict[str, Any]]:
    try:
        listed = remote.get("/models")
        known = {str(one["id"]): one for one in listed["data"]}
    except (Refused, LookupError, TypeError) as error:
        if isinstance(error, Refused) and error.status not in MISSING:
            raise
        if asked is None:
            raise UserError(f"{remote.url} lists no models: name one with --endpoint-model") from None
        return asked, {}
    if asked is None and len(known) != 1:
        raise UserError(f"{remote.url} has {len(known)} models: name one with --endpoint-model ({', '.join(known)})")
    if asked is not None and asked not in known:
        raise UserError(f"{remote.url} has no model {asked!r}, but {', '.join(known) or 'none'}")
    chosen = asked if asked is not None else next(iter(known))
    return chosen, known[chosen]


def _try(remote: Remote, path: str, body: dict[str, Any], refusals: list[Refused]) -> Any:
    """The reply, or None where the endpoint does not take this, which `refusals` then says."""
    try:
        reply = remote.post(path, body)
    except Refused as error:
        if error.status in MISSING:
            refusals.append(error)
            return None
        raise
    return reply if isinstance(reply, dict) and reply.get("choices") else None


def _counted(reply: Any) -> int | None:
    return (reply.get("usage") or {}).get("prompt_tokens")


def _given(piece: Piece, top: int) -> int:
    """How many alternatives came; some servers give one more than they were asked for."""
    return min(top, max((len(one) for one in piece.tops), default=1)) if piece.tokens else 0


def _agrees(tokenizer: Tokenizer, piece: Piece) -> bool:
    spelt = b"".join(map(tokenizer.token_bytes, piece.ids or []))
    return spelt.decode(errors="replace").strip("\ufffd") == piece.text.strip("\ufffd")


def _same(tokenizer: Tokenizer, piece: Piece, name: str, url: str) -> bool:
    """Whether ids come back. Raises `ModelError` where they mean something else there."""
    if piece.ids is None:
        return False
    if not _agrees(tokenizer, piece):
        raise ModelError(
            f"the tokens of {name} are not those of the model at {url}: it wrote {piece.text!r} with the ids "
            f"{piece.ids}; name the model that it serves"
        )
    return piece.whole


def _chat(remote: Remote, tokenizer: Tokenizer, model: str, context: int | None, refusals: list[Refused]) -> Found:
    begun: list[Message] = [*ASKED, {"role": "assistant", "content": BEGUN}]
    width = len(tokenizer.encode(BEGUN))
    for extras in (CONTINUE, {}):
        for top in (*TOPS, 0):
            shown = {"logprobs": True, "top_logprobs": top} if top else {}
            body = {"model": model, "max_tokens": 4, "temperature": 0, **shown}
            fresh = _try(remote, "/chat/completions", body | {"messages": ASKED}, refusals)
            going = _try(remote, "/chat/completions", body | extras | {"messages": begun}, refusals)
            if fresh is None or going is None:
                continue
            more = (_counted(going) or 0) - (_counted(fresh) or 0)
            if not _counted(going) or not width - 2 <= more <= width + 1:  # another turn would have cost its marks, too
                continue
            asked = body | extras | {"messages": begun, "stream": True}
            text = "".join(pieces(event).text for event in remote.iterate(remote.events("/chat/completions", asked)))
            echoes = text.startswith(BEGUN)  # llama.cpp does in a reply, and not in a stream
            return Found(model, "chat", False, _given(pieces(going), top), bool(extras), echoes, context)
    last = refusals[-1] if refusals else None
    if last is not None and all(one.status == 404 for one in refusals):
        raise UserError(
            f"{remote.url} has neither /completions nor /chat/completions for {model!r} (404 {last.said}): an address "
            "goes up to its /v1, and --endpoint-model names a model that it has"
        )
    raise UserError(
        f"{remote.url} has no /completions that takes this model's prompts, and its chat does not go on with an answer "
        "that has begun: nothing can be steered there" + (f" (it says: {last.status} {last.said})" if last else "")
    )
