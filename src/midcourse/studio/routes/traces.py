"""Conversations: the list, a new one, one of them, and what is said about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from midcourse.errors import UserError
from midcourse.store.listing import TraceRow
from midcourse.studio.live import Live
from midcourse.studio.schemas.base import Depth
from midcourse.studio.schemas.dials import Proposals
from midcourse.studio.schemas.traces import (
    Alternatives,
    Done,
    NewTrace,
    TraceChange,
    TracePage,
    TraceRowView,
    TraceView,
)
from midcourse.studio.services import Has

router = APIRouter(tags=["traces"])


@router.get("/traces", summary="Conversations, the newest first")
def list_traces(
    services: Has,
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    text: Annotated[str | None, Query(max_length=1000)] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    steered: bool | None = None,
    attribute: Annotated[
        str | None, Query(max_length=300, description="A name, or a name and a range: `humour:2..4`, `humour:3..`")
    ] = None,
    author: Annotated[str | None, Query(max_length=200, description="Of the conversation, or of a steer in it")] = None,
    model: Annotated[str | None, Query(max_length=200)] = None,
) -> TracePage:
    """A page of them, with all of the conditions."""
    page = services.store.traces(
        after=after, limit=limit, tag=tag, steered=steered, text=text or None, attribute=attribute, author=author,
        model=model,
    )  # fmt: skip
    return TracePage(rows=[row_view(row, services.live) for row in page.rows], next=page.next)


@router.post("/traces", status_code=201, summary="Begin a conversation")
def new_trace(services: Has, new: NewTrace) -> Done:
    """It is stored when this returns; with `go_on` the model begins to write."""
    if new.messages[-1].role != "user":
        raise UserError("there is nothing to answer: the last message of a conversation comes from the user")
    return services.live.start(new)


@router.get("/traces/{id}", summary="A conversation with its answer")
def get_trace(services: Has, id: str) -> TraceView:
    """All there is to show."""
    return services.live.open(id).view()


@router.patch("/traces/{id}", summary="Change what is said about a conversation")
def change_trace(services: Has, id: str, change: TraceChange) -> Done:
    """Tags, attributes, sampling, and whether the answer is finished; what is not given stays."""
    return services.live.change(id, change)


@router.get("/traces/{id}/alternatives", summary="The ten likeliest tokens at a place")
def alternatives(services: Has, id: str, version: Annotated[int, Query(ge=0)], depth: Depth) -> Alternatives:
    """Best first, whatever was written there."""
    found = services.live.open(id).alternatives(version, depth)
    return Alternatives(version=version, depth=depth, alternatives=found)


@router.get("/traces/{id}/proposals", summary="Where to look in an answer")
def proposals(services: Has, id: str, version: Annotated[int, Query(ge=0)]) -> Proposals:
    """Places where the predictor's values fall and the model was unsure, and what it gives the whole answer."""
    return services.proposer.of(services.live.open(id), version)


def row_view(row: TraceRow, live: Live) -> TraceRowView:
    """A row of the store, as the page gets it."""
    return TraceRowView(
        id=row.id,
        title=row.title,
        answer=row.answer,
        model=row.model,
        steers=row.steers,
        tokens=row.tokens,
        finished=row.finished,
        tags=list(row.tags),
        attributes=row.attributes,
        author=row.author,
        created=row.created,
        writing=live.is_writing(row.id),
    )
