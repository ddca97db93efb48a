"""Steers in a table, to be reviewed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from midcourse.studio.schemas.base import Answer, Attribute, Given, Short, Text
from midcourse.studio.schemas.traces import Kind


class SteerRowView(Answer):
    """A steer in the table. Texts are shortened; all are None where nobody decoded them."""

    trace: str
    number: int
    title: str
    """What the user said."""
    kind: Kind
    context: str | None
    chosen: str | None
    rejected: list[str] | None
    ends: bool
    abandoned: bool
    """On a branch that the accepted answer does not take; it still trains."""
    reason: str | None
    tags: list[str]
    serves: list[str]
    """Attributes for whose sake it was made."""
    weight: float
    aside: bool
    author: str | None
    created: str | None


class SteerPage(Answer):
    """Some steers, those of the newest trace first; `next` is the `after` of the following page."""

    rows: list[SteerRowView]
    next: str | None
    total: int | None
    """How many there are under this filter; on the first page only."""


class SteerChange(Given):
    """What to change about a steer; what is not given stays. A reason of "" is none."""

    reason: Text | None = None
    tags: Annotated[list[Short], Field(max_length=100)] | None = None
    weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] | None = None
    aside: bool | None = None
    serves: Annotated[list[Attribute], Field(max_length=100)] | None = None


class Facet(Answer):
    """A value that can be filtered by, and how many have it."""

    value: str
    count: int


class Facets(Answer):
    """What there is to filter by."""

    trace_tags: list[Facet]
    steer_tags: list[Facet]
    authors: list[Facet]
    attributes: list[Facet]
    """What answers were asked for."""
    serves: list[Facet]
    models: list[Facet]
    traces: int
    steers: int
    aside: int
    store: str
    """Where all this is: the file, or the address without its password."""
