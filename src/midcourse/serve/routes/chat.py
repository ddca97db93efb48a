"""`/v1/chat/completions`: answers to a conversation."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from midcourse.serve import ask, send
from midcourse.serve.chat import ChatReply
from midcourse.serve.errors import RequestError
from midcourse.serve.schemas.chat import ChatCompletion, ChatRequest
from midcourse.serve.services import Has, Services

router = APIRouter(tags=["answers"])


@router.post("/v1/chat/completions", summary="Answer a conversation", response_model=ChatCompletion)
async def chat(services: Has, body: ChatRequest, request: Request) -> Response:
    """Answers, whole or (with `stream`) as server-sent events, the last of which is `[DONE]`."""
    wanted = await asyncio.to_thread(_wanted, services, body)
    reply = ChatReply(
        services.writers.write(wanted),
        logprobs=bool(body.logprobs),
        ids=bool(body.return_token_ids),
        as_ids=bool(body.return_tokens_as_token_ids),
        with_usage=bool(body.stream_options and body.stream_options.include_usage),
    )
    return send.Streamed(reply) if body.stream else await send.whole(request, reply)


def _wanted(services: Services, body: ChatRequest) -> ask.Ask:
    if body.top_logprobs and not body.logprobs:
        raise RequestError("top_logprobs are said beside logprobs: set those to true", "top_logprobs")
    if None not in (body.max_tokens, body.max_completion_tokens) and body.max_tokens != body.max_completion_tokens:
        raise RequestError("max_tokens is its older name: give one of them", "max_completion_tokens")
    model = services.names.chosen(body.model, body.adapter)
    prompt = ask.conversation(body, model.tokenizer)
    return ask.ask(
        body,
        model,
        [prompt],
        services.limits,
        most=body.max_completion_tokens or body.max_tokens,
        top=(body.top_logprobs or 0) if body.logprobs else 0,
        field="messages",
    )
