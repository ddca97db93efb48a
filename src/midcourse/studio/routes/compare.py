"""Two states of the model answer the same prompts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from midcourse.engine.turns import Around
from midcourse.errors import BusyError, UserError
from midcourse.models.tokenizer import HFTokenizer
from midcourse.store.snippets import of_messages
from midcourse.studio.compare import Comparison, Prompt, Side
from midcourse.studio.routes.preferences import get_preferences
from midcourse.studio.schemas.dials import Asked
from midcourse.studio.schemas.jobs import Name, NewComparison
from midcourse.studio.services import Has
from midcourse.trace import Message, Trace

router = APIRouter(tags=["compare"])
AT_ONCE = 4


def _comparison(services: Has, new: NewComparison) -> Comparison:
    """What is asked for, as soon as it is known that it can be done."""
    desk, adapters = services.here
    if not new.prompts and not new.traces:
        raise UserError("there is nothing to answer: give a prompt, or a conversation")
    if len(services.comparisons) >= AT_ONCE:
        raise BusyError("too many comparisons run; stop one, or wait until it is done")
    sides: dict[Side, tuple[Name | None, Asked]] = {
        "left": (new.left, new.left_asked),
        "right": (new.right, new.right_asked),
    }
    around: dict[Side, Around] = {side: adapters.around(name) for side, (name, _) in sides.items()}
    told = {side: (adapters.tokenizer(name), asked.attributes) for side, (name, asked) in sides.items()}
    for side, (tok, attributes) in told.items():
        if attributes and tok.conditioning is None:
            raise UserError(f"the model has not learned to be told attributes as it is on the {side}; ask it for none")
    tok, system = desk.tokenizer, get_preferences(services).system
    before = [{"role": "system", "content": system}] if system else []

    def prompt(title: str, messages: list[Message], recorded: Trace | None = None) -> Prompt:
        def as_read(own: HFTokenizer, asked: dict[str, float]) -> tuple[int, ...]:
            if recorded is not None and recorded.tokenizer == own.fingerprint and not asked:
                return recorded.prompt
            return tuple(own.prompt(messages, asked))

        ids = {side: as_read(own, asked) for side, (own, asked) in told.items()}
        return Prompt(title, ids, tuple(tok.prompt(messages)))

    prompts = [prompt(text, [*before, {"role": "user", "content": text}]) for text in new.prompts]
    traces = map(services.live.stored, new.traces)
    prompts += [prompt(of_messages(trace.messages), trace.messages, trace) for trace in traces]
    guidance: dict[Side, float] = {side: asked.guidance for side, (_, asked) in sides.items()}
    vocabulary: dict[Side, int] = {side: adapters.vocabulary(name) for side, (name, _) in sides.items()}
    return Comparison(desk, prompts, around, new.max_tokens, guidance, vocabulary)


@router.post("/compare", summary="Compare two states of the model", response_class=EventSourceResponse)
async def compare(
    services: Has, comparison: Annotated[Comparison, Depends(_comparison)]
) -> AsyncIterator[ServerSentEvent]:
    """Events of the kind that each names: `begin` a prompt, `token`s of both sides, a `side` with what the other one
    thinks of it, `error`, `end`. Aborting the request stops both sides.
    """
    services.comparisons.add(comparison)
    leaving = asyncio.create_task(services.leaving.wait())
    leaving.add_done_callback(lambda _: comparison.stop())
    try:
        async for event in comparison.events():
            yield ServerSentEvent(event=event.kind, raw_data=event.model_dump_json())
    finally:
        comparison.stop()
        leaving.cancel()
        services.comparisons.discard(comparison)
