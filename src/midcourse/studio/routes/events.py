"""The one stream of events that a tab listens to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from midcourse.studio.live.feed import Listener
from midcourse.studio.live.trace import LiveTrace
from midcourse.studio.services import Has

router = APIRouter(tags=["events"])


def _watched(services: Has, trace: Annotated[str | None, Query(max_length=200)] = None) -> LiveTrace | None:
    return None if trace is None else services.live.open(trace)


async def _listener(services: Has, watched: Annotated[LiveTrace | None, Depends(_watched)]) -> AsyncIterator[Listener]:
    """Ends with the request; a generator that nobody reads to its end would not end itself."""
    async with services.live.listening(watched) as listener:
        yield listener


@router.get("/events", summary="Everything that happens, as it happens", response_class=EventSourceResponse)
async def events(listener: Annotated[Listener, Depends(_listener)]) -> AsyncIterator[ServerSentEvent]:
    """`hello` first; with a trace its state and what changes it (`trace`, `token`, `run`); `row`, `job`, `models`."""
    yield ServerSentEvent(event="hello", data={"now": datetime.now(UTC).isoformat(timespec="milliseconds")})
    async for event in listener.events():
        yield ServerSentEvent(event=event.kind, raw_data=event.json)
