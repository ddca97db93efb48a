"""Pages hold what they should, in order, and no page is found by going through a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from midcourse.errors import UserError
from midcourse.store import Page, SteersWhere, Store, TracesWhere
from midcourse.trace.tree import Run, Trace
from tests.store.samples import make, read, spell


def leaf(page: Callable[..., Page[Any]], limit: int, **filters: Any) -> list[Any]:
    """All rows, page by page."""
    rows: list[Any] = []
    after: str | None = None
    while True:
        found = page(after=after, limit=limit, **filters)
        assert len(found.rows) <= limit
        rows += found.rows
        if found.next is None:
            return rows
        after = found.next


def written(id: str, wrote: str, instead: str, **fields: Any) -> Trace:
    """A trace in which `instead` was put in the place of the end of `wrote`."""
    trace = make(id, steers=0)
    trace.spans.clear()
    trace.history, trace.cursor = trace.history[:1], 0
    trace.grow(spell(wrote), "model")
    start = len(wrote) - 3
    trace.steer(trace.at(trace.head, start), spell(instead), [Run(0, start, len(wrote))], **fields)
    return trace


def fill(store: Store) -> None:
    store.add(
        make(f"{number}", steers=number % 3, tags=(f"tag {number % 2}", "all", "all"), finished=number % 5 == 0)
        for number in range(30)
    )


def test_traces_come_newest_first_and_each_once(store: Store) -> None:
    fill(store)
    for limit in (1, 7, 30, 100):
        assert [row.id for row in leaf(store.traces, limit)] == [f"{number}" for number in range(29, -1, -1)]
    assert {row.id for row in leaf(store.traces, 4, tag="tag 1")} == {f"{number}" for number in range(1, 30, 2)}
    assert len(leaf(store.traces, 4, tag="all")) == 30
    assert {row.id for row in leaf(store.traces, 4, steered=False)} == {f"{number}" for number in range(0, 30, 3)}
    assert [row.id for row in leaf(store.traces, 4, steered=True, tag="tag 0", text="SAY 2")] == [
        "28",
        "26",
        "22",
        "20",
        "2",
    ]
    assert store.traces(tag="none") == Page((), None)


def test_what_arrives_between_two_pages_moves_nothing(store: Store) -> None:
    fill(store)
    first = store.traces(limit=10)
    store.add([make("late")])
    assert [row.id for row in store.traces(limit=10, after=first.next).rows] == [f"{n}" for n in range(19, 9, -1)]


def test_steers_of_the_newest_trace_come_first(store: Store) -> None:
    fill(store)
    expected = [(f"{n}", steer) for n in range(29, -1, -1) for steer in range(n % 3 - 1, -1, -1)]
    for limit in (1, 4, 100):
        for filters in ({}, {"tag": "t"}, {"author": "ada"}, {"tag": "t", "author": "ada"}):
            assert [(row.trace, row.steer) for row in leaf(store.steers, limit, **filters)] == expected
    assert [row.steer for row in leaf(store.steers, 1, trace="29")] == [1, 0]
    assert store.steers(trace="nobody") == store.steers(author="eve") == store.steers(tag="u") == Page((), None)


def test_a_row_says_all_that_a_list_shows(store: Store) -> None:
    trace = written("a", "the cat sat", "dog", reason="it was a dog", tags=["b", "a"], weight=2.0, author="ada")
    trace.attributes, trace.created = {"humour": 1.0}, "2026-11-22T12:00:00Z"
    store.add([trace], read)
    [row] = store.steers().rows
    assert (row.trace, row.steer, row.context, row.chosen, row.rejected) == ("a", 0, "the cat ", "dog", ("sat",))
    assert (row.ends, row.reason, row.tags, row.weight, row.author) == (False, "it was a dog", ("b", "a"), 2.0, "ada")
    [listed] = store.traces().rows
    assert (listed.id, listed.title, listed.answer, listed.model) == ("a", "Say a", "the cat dog", "m")
    assert (listed.steers, listed.tokens, listed.finished, listed.created) == (1, 11, False, "2026-11-22T12:00:00Z")


def test_a_mark_and_an_insertion(store: Store) -> None:
    trace = written("a", "abcdef", "xyz")
    trace.steer(trace.at(trace.head, 2), None, [Run(1, 2, 5)])
    trace.steer(trace.at(trace.head, 2), spell("q"))
    store.add([trace], read)
    insertion, mark, _ = store.steers().rows
    assert (mark.chosen, mark.rejected) == (None, ("cxy",))
    assert (insertion.context, insertion.chosen, insertion.rejected) == ("ab", "q", ())


def test_texts_are_found_whatever_their_case(store: Store) -> None:
    store.add([written("a", "der große hut", "map", reason="50% of_it")], read)
    for text in ("GROSSE", "große", "MAP", "hut", "50%", "F_I", "% o", "e"):
        assert [row.trace for row in store.steers(text=text).rows] == ["a"], text
    for text in ("5%f", "f_it_", "mapx", "\\", "xgroße", "dex"):
        assert store.steers(text=text).rows == (), text
    assert [row.id for row in store.traces(text="GROSSE").rows] == ["a"]
    for filters in ({"author": None}, {"tag": None}):
        assert len(store.steers(text="map", **filters).rows) == 1


def test_texts_combine_with_every_filter(store: Store) -> None:
    store.add(
        [
            written("a", "one cat", "dog", author="ada", tags=["x"]),
            written("b", "one cat", "dog", author="eve", tags=["x"]),
            written("c", "one cat", "dog", author="ada", tags=["y"]),
            written("d", "one cat", "cow", author="ada", tags=["x"]),
        ],
        read,
    )
    assert [row.trace for row in leaf(store.steers, 1, text="dog", author="ada")] == ["c", "a"]
    assert [row.trace for row in leaf(store.steers, 1, text="dog", tag="x")] == ["b", "a"]
    assert [row.trace for row in leaf(store.steers, 1, text="dog", tag="x", author="ada")] == ["a"]
    assert [row.trace for row in leaf(store.steers, 1, text="dog", trace="b")] == ["b"]


def test_what_was_saved_without_a_tokenizer_is_listed_without_texts(store: Store) -> None:
    trace = written("a", "the cat sat", "dog", reason="why")
    store.save(trace)
    [row] = store.steers(text="WHY").rows
    assert (row.context, row.chosen, row.rejected) == (None, None, None)
    assert store.traces().rows[0].answer is None


def test_a_save_without_a_tokenizer_keeps_the_texts(store: Store) -> None:
    trace = written("a", "the cat sat", "dog")
    store.save(trace, read)
    trace.grow(spell("s"), "model")
    store.save(trace)
    assert store.traces(text="cat dog").rows[0].answer == "the cat dog"
    store.save(trace, read)
    assert store.traces(text="cat dogs").rows[0].answer == "the cat dogs"


@pytest.mark.parametrize("after", ["", "x", "1.2.3", "-1", "1.", "²"])
def test_what_is_no_end_of_a_page(store: Store, after: str) -> None:
    with pytest.raises(UserError, match="is not the end of a page"):
        store.steers(after=after)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_what_is_no_size_of_a_page(store: Store, limit: int) -> None:
    with pytest.raises(UserError, match=f"a page has 1 to 1000 rows, not {limit}"):
        store.traces(limit=limit)


def test_pages_are_found_by_indexes(store: Store, tmp_path: Path) -> None:
    """No page sorts, and only a search for text goes through a table (the narrow one that is made for it)."""
    plans: list[tuple[str, str]] = []
    fill(store)

    @event.listens_for(store._database.engine, "before_cursor_execute")
    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.extend((statement, row[3]) for row in rows)

    key = "7.1"
    steers: list[SteersWhere] = [
        {}, {"tag": "t"}, {"author": "ada"}, {"tag": "t", "author": "ada"}, {"trace": "7"}, {"text": "x"},
        {"model": "m"}, {"kind": "mark"}, {"aside": True}, {"abandoned": False},
        {"aside": False, "author": "ada", "kind": "ending"},
        {"trace_tag": "all"}, {"trace_tag": "all", "aside": True}, {"model": "m", "trace_tag": "all", "tag": "t"},
        {"text": "x", "author": "ada", "trace_tag": "all"}, {"attribute": "a:1..2", "tag": "t"},
        {"serves": "wit"}, {"serves": "wit", "aside": False, "tag": "t", "trace_tag": "all"},
    ]  # fmt: skip
    for filters in steers:
        for after in (None, key):
            store.steers(after=after, **filters)
    traces: list[TracesWhere] = [
        {}, {"tag": "all"}, {"steered": True}, {"steered": False}, {"attribute": "a"},
        {"attribute": "a:1..2", "tag": "all"}, {"model": "m"}, {"author": "ada"},
        {"author": "ada", "tag": "all", "model": "m"},
    ]  # fmt: skip
    for options in traces:
        for after in (None, "7"):
            store.traces(after=after, **options)
    assert len(plans) > 20
    assert any("steer_words" in plan for _, plan in plans)
    for statement, plan in plans:
        assert "TEMP B-TREE" not in plan, (statement, plan)
        if plan.startswith("SCAN") and "USING" not in plan:  # through the table itself: only in the order of its key
            assert plan in ("SCAN traces", "SCAN steer_words", "SCAN anon_1", "SCAN steer_tags"), (statement, plan)
