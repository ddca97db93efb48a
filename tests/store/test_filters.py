"""Lists hold what their filters say, after every way of moving the head and of annotating, on both databases.

The stored lists are compared with what the traces themselves say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from midcourse.errors import UserError
from midcourse.store import SteersWhere, Store, TracesWhere
from midcourse.trace.tree import ROOT, Run, Steer, Trace
from tests.store.samples import make, read
from tests.store.strategies import END
from tests.store.test_listing import leaf


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def kept(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store with traces of all kinds in it."""
    with Store.open(
        str(request.getfixturevalue({"sqlite": "url", "postgres": "postgres_url"}[request.param]))
    ) as store:
        store.add(varied(), read)
        yield store
        assert list(store.verify()) == []


def varied() -> list[Trace]:
    """Traces that differ in everything that can be filtered by."""
    made = []
    for number in range(24):
        trace = make(
            f"{number}",
            steers=number % 4,
            tags=("all", f"tag {number % 3}"),
            attributes={"humour": float(number % 5)} | ({"help": -0.5} if number % 2 else {}),
            model=f"m{number % 2}",
            author=("eve", None)[number % 2],
        )
        if number % 6 == 3:
            depth = trace.depth(trace.head)
            at = trace.at(trace.head, depth - 1)
            trace.steer(at, None, [Run(trace.head.span or 0, depth - 1, depth)], author="bob", tags=["odd"])
            trace.steer(at, [END], author="bob")
        if number % 5 == 2:
            trace.undo()
            trace.undo()
        trace.steers = [
            replace(steer, aside=(steer.id + number) % 7 == 0, serves=("humour", "help")[: (steer.id + number) % 3])
            for steer in trace.steers
        ]
        made.append(trace)
    return made


def meets(where: SteersWhere, trace: Trace, steer: Steer, *, abandoned: bool) -> bool:
    """Whether a steer is meant, by the trace alone."""
    sides = [trace.context(steer)[len(trace.prompt) :], *(trace.run_ids(run) for run in steer.rejected)]
    sides += [trace.run_ids(steer.chosen)] if steer.chosen else []
    facts = {
        "author": steer.author,
        "trace": trace.id,
        "kind": steer.kind,
        "aside": steer.aside,
        "abandoned": abandoned,
        "model": trace.model,
    }
    asked = {name: value for name, value in where.items() if value is not None}
    text, tag, trace_tag, serves = (str(asked.pop(name, "")) for name in ("text", "tag", "trace_tag", "serves"))
    said = any(text.casefold() in read(ids) for ids in sides)
    tagged = (not tag or tag in steer.tags) and (not trace_tag or trace_tag in trace.tags)
    tagged = tagged and (not serves or serves in steer.serves)
    return said and tagged and all(facts[name] == value for name, value in asked.items())


STEERS: list[SteersWhere] = [
    {},
    {"kind": "mark"},
    {"kind": "ending"},
    {"serves": "humour"},
    {"serves": "help", "kind": "correction", "trace_tag": "tag 1"},
    {"serves": "help", "tag": "odd"},
    {"serves": "humour", "text": "3", "model": "m0"},
    {"serves": "nothing"},
    {"kind": "insertion"},
    {"aside": True},
    {"aside": False, "author": "ada"},
    {"abandoned": True},
    {"abandoned": False, "kind": "correction"},
    {"trace_tag": "tag 1"},
    {"trace_tag": "tag 1", "author": "bob"},
    {"model": "m1"},
    {"model": "m1", "trace_tag": "tag 0"},
    {"model": "m1", "trace_tag": "tag 0", "tag": "t"},
    {"tag": "t", "abandoned": True, "author": "ada"},
    {"text": "UV", "aside": True},
    {"text": "uv", "tag": "t", "trace_tag": "tag 2", "model": "m0", "abandoned": False},
    {"trace": "11", "kind": "correction"},
    {"text": "", "kind": None},
]


@pytest.mark.parametrize("where", STEERS, ids=str)
def test_steers_by_every_filter(kept: Store, where: SteersWhere) -> None:
    keys = [
        (trace.id, steer.id)
        for trace in reversed(varied())
        for steer, on_path in reversed(list(zip(trace.steers, trace.on_path(), strict=True)))
        if meets(where, trace, steer, abandoned=not on_path)
    ]
    for limit in (1, 3, 1000):
        assert [(row.trace, row.steer) for row in leaf(kept.steers, limit, **where)] == keys
    first = kept.steers(limit=1, total=True, **where)
    assert first.total == len(keys)
    if first.next:
        assert kept.steers(limit=1, total=True, after=first.next, **where).total is None


def has(trace: Trace, name: str, least: float = -9, most: float = 9) -> bool:
    return name in trace.attributes and least <= trace.attributes[name] <= most


def is_by(trace: Trace, author: str) -> bool:
    return author in (trace.author, *(steer.author for steer in trace.steers))


TRACES: list[tuple[TracesWhere, Callable[[Trace], bool]]] = [
    ({"attribute": "help"}, lambda trace: has(trace, "help")),
    ({"attribute": "humour:2..3"}, lambda trace: has(trace, "humour", 2, 3)),
    ({"attribute": "humour:3.."}, lambda trace: has(trace, "humour", 3)),
    ({"attribute": "help:..-0.5", "tag": "tag 1"}, lambda trace: has(trace, "help") and "tag 1" in trace.tags),
    ({"attribute": "wit"}, lambda trace: has(trace, "wit")),
    ({"author": "eve"}, lambda trace: is_by(trace, "eve")),
    ({"author": "bob"}, lambda trace: is_by(trace, "bob")),
    ({"author": "bob", "tag": "all", "steered": True}, lambda trace: is_by(trace, "bob")),
    ({"model": "m1", "attribute": "humour:1..1"}, lambda trace: trace.model == "m1" and has(trace, "humour", 1, 1)),
    ({"steered": False, "model": "m0"}, lambda trace: not trace.steers and trace.model == "m0"),
    ({"text": "say 2", "tag": "tag 2"}, lambda trace: trace.id.startswith("2") and "tag 2" in trace.tags),
]


@pytest.mark.parametrize(("where", "test"), TRACES, ids=[str(where) for where, _ in TRACES])
def test_traces_by_every_filter(kept: Store, where: TracesWhere, test: Callable[[Trace], bool]) -> None:
    ids = [trace.id for trace in reversed(varied()) if test(trace)]
    for limit in (1, 3, 1000):
        assert [row.id for row in leaf(kept.traces, limit, **where)] == ids
    assert kept.traces(limit=1, total=True, **where).total == len(ids)
    assert [trace.id for trace in kept.all(**where)] == ids[::-1]


def test_what_is_no_range(store: Store) -> None:
    with pytest.raises(UserError, match=r"'humour:2\.\.3\.4\.5' is no attribute and range"):
        store.traces(attribute="humour:2..3.4.5")
    assert store.traces(attribute="a:b").rows == ()


def test_a_row_says_what_a_table_shows(store: Store) -> None:
    [trace] = [trace for trace in varied() if trace.id == "9"]
    store.add([trace], read)
    rows = store.steers().rows
    assert [(row.kind, row.abandoned, row.aside, row.title) for row in rows] == [
        (steer.kind, not on_path, steer.aside, "Say 9")
        for steer, on_path in reversed(list(zip(trace.steers, trace.on_path(), strict=True)))
    ]
    assert store.traces().rows[0].attributes == trace.attributes


def test_moving_the_head_is_seen(kept: Store) -> None:
    """After undo, redo, going anywhere and steering elsewhere, `abandoned` is what the trace says."""

    def listed() -> list[bool]:
        return [not row.abandoned for row in leaf(kept.steers, 1, trace="11")][::-1]

    trace = kept.get("11")
    moves: list[Callable[[], Any]] = [
        trace.undo, trace.undo, trace.undo, trace.redo, trace.redo,
        lambda: trace.move(ROOT), trace.undo,
        lambda: trace.move(trace.end_of(trace.steers[1].rejected[0].span)),
        lambda: trace.steer(trace.at(trace.head, 1), [7, 8]),
        lambda: trace.grow([9], "model"),
    ]  # fmt: skip
    seen = set()
    for move in moves:
        move()
        kept.save(trace)
        assert listed() == trace.on_path()
        seen.add(tuple(listed()))
    assert len(seen) > 3


def test_setting_aside_and_attributes_are_seen(kept: Store) -> None:
    trace = kept.get("11")
    assert not trace.steers[0].aside
    trace.steers[0] = replace(trace.steers[0], aside=True, serves=("wit",))
    trace.attributes = {"wit": 2.0}
    kept.save(trace)
    assert kept.get("11") == trace
    assert [row.steer for row in kept.steers(trace="11", aside=True).rows][-1] == 0
    assert [row.id for row in kept.traces(attribute="wit:2..2").rows] == ["11"]
    assert [(row.steer, row.serves) for row in kept.steers(serves="wit").rows] == [(0, ("wit",))]
    assert "11" not in {row.id for row in kept.traces(attribute="humour", limit=1000).rows}


def test_what_there_is_to_filter_by(kept: Store) -> None:
    made, found = varied(), kept.facets()
    steers = [steer for trace in made for steer in trace.steers]
    assert {facet.value: facet.count for facet in found.trace_tags} == {"all": 24, "tag 0": 8, "tag 1": 8, "tag 2": 8}
    assert found.trace_tags[0].value == "all"
    assert {facet.value: facet.count for facet in found.steer_tags} == {
        tag: sum(tag in steer.tags for steer in steers) for tag in ("t", "odd")
    }
    assert {facet.value: facet.count for facet in found.authors} == {
        author: sum(steer.author == author for steer in steers) for author in ("ada", "bob")
    }
    assert [(facet.value, facet.count) for facet in found.attributes] == [("humour", 24), ("help", 12)]
    assert {facet.value: facet.count for facet in found.serves} == {
        name: sum(name in steer.serves for steer in steers) for name in ("humour", "help")
    }
    assert [(facet.value, facet.count) for facet in found.models] == [("m0", 12), ("m1", 12)]
    assert (found.traces, found.steers, found.aside) == (24, len(steers), sum(steer.aside for steer in steers))


@pytest.mark.parametrize(
    "where", [{}, {"tag": "t", "model": "m1"}, {"author": "bob"}, {"text": "uv"}, {"aside": True}, {"serves": "help"}]
)
def test_a_selection_sets_the_rest_aside(kept: Store, where: SteersWhere) -> None:
    """Traces come with every steer, and those alone count that are selected."""
    wanted: SteersWhere = {"aside": False, **where}
    rows = {(row.trace, row.steer) for row in leaf(kept.steers, 100, **wanted)}
    found = list(kept.selected(**where))
    assert [trace.id for trace in found] == [t.id for t in varied() if any(id == t.id for id, _ in rows)]
    for trace in found:
        stored = kept.get(trace.id)
        assert [replace(s, aside=False) for s in trace.steers] == [replace(s, aside=False) for s in stored.steers]
        trace.steers, steers = stored.steers, trace.steers
        assert trace == stored
        assert {steer.id for steer in steers if not steer.aside} == {number for id, number in rows if id == trace.id}
