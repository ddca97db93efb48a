"""`/v1/completions`: texts, or ids, that the model goes on with."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from midcourse.models.tokenizer import HFTokenizer
from midcourse.serve import ask, send
from midcourse.serve.errors import RequestError
from midcourse.serve.schemas.completions import Completion, CompletionRequest
from midcourse.serve.services import Has, Services
from midcourse.serve.text import TextReply

DEFAULT = 16  # tokens, as of old

router = APIRouter(tags=["answers"])


@router.post("/v1/completions", summary="Go on with a text", response_model=Completion)
async def completions(services: Has, body: CompletionRequest, request: Request) -> Response:
    """How texts go on, whole or (with `stream`) as server-sent events, the last of which is `[DONE]`."""
    wanted = await asyncio.to_thread(_wanted, services, body)
    reply = TextReply(
        services.writers.write(wanted),
        logprobs=body.logprobs is not None,
        ids=bool(body.return_token_ids),
        as_ids=bool(body.return_tokens_as_token_ids),
        with_usage=bool(body.stream_options and body.stream_options.include_usage),
    )
    return send.Streamed(reply) if body.stream else await send.whole(request, reply)


def _wanted(services: Services, body: CompletionRequest) -> ask.Ask:
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise RequestError("this server gives all answers that it writes: leave best_of out", "best_of")
    for name in ("attributes", "guidance"):
        if getattr(body, name) is not None:
            raise RequestError(f"{name}: attributes are asked for in a conversation; use /v1/chat/completions", name)
    model = services.names.chosen(body.model, body.adapter)
    begin = body.add_special_tokens is not False
    prompts = [ask.Prompt(_ids(prompt, model.tokenizer, begin=begin)) for prompt in body.prompts]
    most = DEFAULT if body.max_tokens is None else body.max_tokens
    return ask.ask(body, model, prompts, services.limits, most=most, top=body.logprobs or 0, field="prompt")


def _ids(prompt: str | list[int], tokenizer: HFTokenizer, *, begin: bool) -> tuple[int, ...]:
    ids = tokenizer.whole(prompt, begin=begin) if isinstance(prompt, str) else prompt
    return tuple(ids) or (tokenizer.end_id,)  # nothing at all: what stands between two texts
