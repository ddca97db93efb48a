"""What lists of traces and of steers can be filtered by, as queries for the keys of what is left.

Representation: `Keys` is a query of key columns, and those columns in the order that pages go through (descending). One
table leads, whose index gives that order; every other condition is a look-up of one key that cannot lead, so that the
database need not guess which order costs least.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import ColumnElement, Select, exists, or_, select

from midcourse.errors import UserError
from midcourse.store import snippets
from midcourse.store import tables as t
from midcourse.trace.tree import Kind

_RANGE = re.compile(r"(?P<name>.*):(?P<least>[-+.\de]*)\.\.(?P<most>[-+.\de]*)", re.DOTALL)


class TracesWhere(TypedDict, total=False):
    """Which traces: those that meet every condition that is given and not None.

    `text` is looked for in what the user said last and in the beginning of the answer, whatever its case. `attribute`
    is a name, or a name and a range that includes its ends: `humour:2..4`, `humour:3..`. `author` wrote the trace or
    one of its steers.
    """

    tag: str | None
    steered: bool | None
    text: str | None
    attribute: str | None
    author: str | None
    model: str | None
    ids: Sequence[str] | None


class SteersWhere(TypedDict, total=False):
    """Which steers: those that meet every condition that is given and not None.

    `text` is looked for in context, correction, rejected text and reason, whatever its case. `abandoned`: not on the
    path to the head of its trace. `serves` is an attribute that it serves. `trace_tag`, `attribute` and `model` are
    those of the trace.
    """

    tag: str | None
    author: str | None
    text: str | None
    trace: str | None
    kind: Kind | None
    aside: bool | None
    abandoned: bool | None
    serves: str | None
    trace_tag: str | None
    attribute: str | None
    model: str | None


class Keys(NamedTuple):
    """A query of keys, and the columns that they are."""

    query: Select[Any]
    columns: tuple[ColumnElement[int], ...]


def traces(where: TracesWhere) -> Keys:
    """The numbers of the traces that are meant. Raises `UserError` for a range that is none."""
    c, tags, named = t.traces.c, t.trace_tags.c, t.trace_attributes.c
    given = {name: value for name, value in where.items() if value is not None}
    conditions: list[ColumnElement[bool]] = []
    key: ColumnElement[int] = c.seq
    source: Any = t.traces
    if "tag" in given:
        key, source = tags.trace, t.trace_tags
        conditions.append(tags.tag == given["tag"])
    if "attribute" in given:
        name, within = _attribute(str(given["attribute"]))
        about = [named.name == name, *within]
        if source is t.traces:
            key, source = named.trace, t.trace_attributes
            conditions += about
        else:
            conditions.append(exists().where(named.trace == key, *about))
    own: list[ColumnElement[bool]] = []
    if "steered" in given:
        own.append(c.steered == given["steered"])
    if "model" in given:
        own.append(c.model == given["model"])
    if "ids" in given:
        own.append(c.id.in_(where["ids"] or ()))
    if "text" in given:
        own += _holds(c.words, str(given["text"]))
    if "author" in given:
        by = given["author"]
        own.append(or_(c.author == by, exists().where(t.steers.c.author == by, t.steers.c.trace == c.seq)))
    if own and source is not t.traces:
        own = [exists().where(c.seq == key, *own)]
    return Keys(select(key).select_from(source).where(*conditions, *own), (key,))


def steers(where: SteersWhere) -> Keys:
    """The keys (number of the trace, number of the steer) of the steers that are meant."""
    given: dict[str, Any] = {name: value for name, value in where.items() if value is not None}
    if given.get("text") == "":
        del given["text"]
    c, words, tags, of, serves = t.steers.c, t.steer_words.c, t.steer_tags.c, t.trace_tags.c, t.steer_serves.c
    own = [c[name] == given[name] for name in ("author", "kind", "aside", "abandoned") if name in given]
    number, steer, source, conditions = c.trace, c.id, t.steers, own
    if "text" in given:
        number, steer, source = words.trace, words.steer, t.steer_words
        conditions = _holds(words.words, given["text"])
    elif "tag" in given:
        number, steer, source = tags.trace, tags.steer, t.steer_tags
        conditions = [tags.tag == given["tag"]]
    elif "serves" in given:
        number, steer, source = serves.trace, serves.steer, t.steer_serves
        conditions = [serves.name == given["serves"]]
    if source is not t.steers and own:
        conditions.append(exists().where(c.trace == number, c.id == steer, *own))
    if source is t.steer_words and "tag" in given:
        conditions.append(exists().where(tags.tag == given["tag"], tags.trace == number, tags.steer == steer))
    if source is not t.steer_serves and "serves" in given:
        conditions.append(exists().where(serves.name == given["serves"], serves.trace == number, serves.steer == steer))
    if "trace" in given:
        numbered = select(t.traces.c.seq).where(t.traces.c.id == given["trace"]).scalar_subquery()
        conditions.append(number == numbered)
    leads: Any = source
    if "trace_tag" in given:
        if source is t.steers:
            leads, number = t.trace_tags.join(t.steers, of.trace == c.trace), of.trace
            conditions.append(of.tag == given["trace_tag"])
        else:
            conditions.append(exists().where(of.tag == given["trace_tag"], of.trace == number))
    if "model" in given:
        if leads is t.steers:
            leads, number = t.traces.join(t.steers, t.traces.c.seq == c.trace), t.traces.c.seq
            conditions.append(t.traces.c.model == given["model"])
        else:
            conditions.append(exists().where(t.traces.c.model == given["model"], t.traces.c.seq == number))
    if "attribute" in given:
        name, within = _attribute(given["attribute"])
        named = t.trace_attributes.c
        conditions.append(exists().where(named.trace == number, named.name == name, *within))
    return Keys(select(number, steer).select_from(leads).where(*conditions), (number, steer))


def _holds(words: ColumnElement[str], text: str) -> list[ColumnElement[bool]]:
    """That a text stands in the words."""
    return [words.contains(part, autoescape=True) for part in dict.fromkeys(snippets.search_for(text)) if part]


def _attribute(given: str) -> tuple[str, Sequence[ColumnElement[bool]]]:
    """The name of an attribute, and the range that its value is to be in."""
    value = t.trace_attributes.c.value
    if not (found := _RANGE.fullmatch(given)):
        return given, []
    try:
        least, most = (float(found[end]) if found[end] else None for end in ("least", "most"))
    except ValueError:
        raise UserError(
            f"{given!r} is no attribute and range; give a name, or a name and a range: humour:2..4"
        ) from None
    within = [] if least is None else [value >= least]
    return found["name"], within if most is None else [*within, value <= most]
