"""Steers in a table, to be reviewed: found by many filters, annotated, set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query

from midcourse.store import Facet, SteerRow
from midcourse.studio.schemas.steers import Facet as FacetView
from midcourse.studio.schemas.steers import Facets, SteerChange, SteerPage, SteerRowView
from midcourse.studio.schemas.traces import Done, Kind
from midcourse.studio.services import Has

router = APIRouter(tags=["steers"])

Name = Annotated[str | None, Query(max_length=200)]


@router.get("/steers", summary="Steers, those of the newest conversation first")
def list_steers(
    services: Has,
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    text: Annotated[str | None, Query(max_length=1000)] = None,
    tag: Name = None,
    author: Name = None,
    trace: Name = None,
    kind: Kind | None = None,
    aside: bool | None = None,
    abandoned: Annotated[bool | None, Query(description="Not on the way of the accepted answer")] = None,
    trace_tag: Name = None,
    attribute: Annotated[str | None, Query(max_length=300, description="Of the conversation")] = None,
    model: Name = None,
    serves: Annotated[str | None, Query(max_length=200, description="An attribute that the steer serves")] = None,
) -> SteerPage:
    """A page of them, with all of the conditions; the first page says how many there are."""
    page = services.store.steers(
        after=after, limit=limit, total=True, text=text or None, tag=tag, author=author, trace=trace, kind=kind,
        aside=aside, abandoned=abandoned, trace_tag=trace_tag, attribute=attribute, model=model, serves=serves,
    )  # fmt: skip
    return SteerPage(rows=[_row(row) for row in page.rows], next=page.next, total=page.total)


@router.patch("/traces/{id}/steers/{number}", summary="Change what is said about a steer")
def change_steer(services: Has, id: str, number: int, change: SteerChange) -> Done:
    """Reason, tags, weight, what it serves, and whether it is set aside; the model may go on writing meanwhile."""
    given: dict[str, Any] = change.model_dump(exclude_none=True)
    if "reason" in given:
        given["reason"] = given["reason"] or None
    for name in {"tags", "serves"} & given.keys():
        given[name] = tuple(dict.fromkeys(given[name]))
    return services.live.annotate(id, number, **given)


@router.get("/facets", summary="What there is to filter by")
def facets(services: Has) -> Facets:
    """Tags, authors, attributes and models, with how many have each."""
    found = services.store.facets()
    return Facets(
        trace_tags=_facets(found.trace_tags),
        steer_tags=_facets(found.steer_tags),
        authors=_facets(found.authors),
        attributes=_facets(found.attributes),
        serves=_facets(found.serves),
        models=_facets(found.models),
        traces=found.traces,
        steers=found.steers,
        aside=found.aside,
        store=_where(services.store.name),
    )


def _where(store: str) -> str:
    return store if "://" in store else str(Path(store).absolute())


def _facets(found: list[Facet]) -> list[FacetView]:
    return [FacetView(value=facet.value, count=facet.count) for facet in found]


def _row(row: SteerRow) -> SteerRowView:
    return SteerRowView(
        trace=row.trace,
        number=row.steer,
        title=row.title,
        kind=row.kind,
        context=row.context,
        chosen=row.chosen,
        rejected=None if row.rejected is None else list(row.rejected),
        ends=row.ends,
        abandoned=row.abandoned,
        reason=row.reason,
        tags=list(row.tags),
        serves=list(row.serves),
        weight=row.weight,
        aside=row.aside,
        author=row.author,
        created=row.created,
    )
