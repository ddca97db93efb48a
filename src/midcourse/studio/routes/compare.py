"""Two states of the model answer the same prompts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from midcourse.errors import UserError
from midcourse.store.snippets import of_messages
from midcourse.studio.compare import Comparison, Prompt, Side
from midcourse.studio.errors import BusyError
from midcourse.studio.routes.preferences import get_preferences
from midcourse.studio.schemas.jobs import NewComparison
from midcourse.studio.services import Has
from midcourse.studio.turns import Around

router = APIRouter(tags=["compare"])
AT_ONCE = 4


def _comparison(services: Has, new: NewComparison) -> Comparison:
    """What is asked for, as soon as it is known that it can be done."""
    if not new.prompts and not new.traces:
        raise UserError("there is nothing to answer: give a prompt, or a conversation")
    if len(services.comparisons) >= AT_ONCE:
        raise BusyError("too many comparisons run; stop one, or wait until it is done")
    tok, system = services.loaded.tokenizer, get_preferences(services).system
    before = [{"role": "system", "content": system}] if system else []
    prompts = [Prompt(text, tuple(tok.prompt([*before, {"role": "user", "content": text}]))) for text in new.prompts]
    for trace in map(services.live.stored, new.traces):
        ids = trace.prompt if trace.tokenizer == tok.fingerprint else tuple(tok.prompt(trace.messages))
        prompts.append(Prompt(of_messages(trace.messages), ids))
    around: dict[Side, Around] = {
        "left": services.adapters.around(new.left),
        "right": services.adapters.around(new.right),
    }
    return Comparison(services.desk, prompts, around, new.max_tokens)


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
