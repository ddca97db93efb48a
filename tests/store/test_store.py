"""What goes into a store comes out again, once, in one piece."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from midcourse.errors import StoreError, UserError
from midcourse.store import Added, Count, Store
from midcourse.trace.tree import ROOT, Run, Trace
from tests.store.samples import make
from tests.store.strategies import traces


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trace=traces())
def test_a_trace_comes_back_equal(store: Store, trace: Trace) -> None:
    trace.id = f"{trace.id}/{store.count().traces}"
    assert store.add([trace]) == Added(1, 0)
    assert store.get(trace.id) == trace
    assert store.add([trace]) == Added(0, 1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trace=traces())
def test_saving_step_by_step_is_adding_at_once(store: Store, trace: Trace) -> None:
    trace.id = f"{trace.id}/{store.count().traces}"
    part = replace(trace, spans=[], steers=[], history=[ROOT], cursor=0)
    store.save(part)
    last = 0
    for steer in trace.steers:
        runs = [*steer.rejected, *([steer.chosen] if steer.chosen else [])]
        last = max(last, *(run.span + 1 for run in runs))
        part = replace(part, spans=trace.spans[:last], steers=trace.steers[: steer.id + 1])
        store.save(part)
        assert store.get(trace.id) == part
    store.save(trace)
    assert store.get(trace.id) == trace
    other = replace(trace, id=f"{trace.id}+")
    store.add([other])
    assert store.get(other.id) == other


def test_a_generator_is_added_whole_or_not_at_all(store: Store) -> None:
    def broken() -> Iterator[Trace]:
        for number in range(200):
            yield make(f"trace {number}")
        raise KeyError("the file ends here")

    with pytest.raises(KeyError, match="the file ends here"):
        store.add(broken())
    assert store.count() == Count(0, 0, 0)
    assert store.add(make(f"trace {number % 150}") for number in range(200)) == Added(150, 50)
    assert store.count() == Count(150, 150 * 5, 300)
    assert [trace.id for trace in store.all()] == [f"trace {number}" for number in range(150)]


def test_an_unsound_trace_is_refused(store: Store) -> None:
    bad = make("bad")
    bad.steers[1] = replace(bad.steers[1], weight=-1)
    with pytest.raises(
        StoreError, match=r"traces\.db: trace bad is not sound, nothing was stored: steer 1 has the wei"
    ):
        store.add([make("good"), bad])
    with pytest.raises(StoreError, match="not sound"):
        store.save(bad)
    assert store.count().traces == 0


def test_what_json_cannot_hold_is_refused(store: Store) -> None:
    trace = make("bytes")
    trace.messages[0]["content"] = b"no"
    with pytest.raises(StoreError, match="trace bytes cannot be stored: Object of type bytes"):
        store.save(trace)
    trace.messages, trace.prompt = [], (2**31,)
    with pytest.raises(StoreError, match="at most 32 bits"):
        store.save(trace)


def test_another_trace_under_a_known_id_is_refused(store: Store) -> None:
    store.add([make("a"), make("b")])
    other = replace(make("b"), prompt=(7,))
    with pytest.raises(StoreError, match="a trace 'b' is stored already, and it is another one"):
        store.add([make("c"), other])
    other = make("b")
    other.spans[0] = replace(other.spans[0], logprobs=(-0.25, -1.0, -0.1))
    with pytest.raises(StoreError, match="is stored already"):
        store.add([make("c"), other])
    assert store.count().traces == 2


def test_an_import_brings_a_trace_up_to_date_but_never_back(store: Store) -> None:
    short, long = make("a"), make("a")
    long.grow([40, 41], "human")
    assert store.add([short]) == Added(1, 0)
    assert store.add([long, make("b")]) == Added(1, 0, grown=1)
    assert store.get("a") == long
    assert store.add([short, long]) == Added(0, 2)
    assert store.get("a") == long


def test_what_went_on_in_two_ways_contradicts(store: Store) -> None:
    """One has a span more, the other a steer more: neither goes on where the other ends."""
    longer, steered = make("a"), make("a")
    longer.grow([40, 41], "human")
    steered.steers.append(replace(steered.steers[-1], id=len(steered.steers), tags=("other",)))
    assert store.add([steered]) == Added(1, 0)
    taken = store.take([longer, make("b")], skip_clashing=True)
    assert (taken.clashing, taken.new) == (["a"], ["b"])
    assert store.get("a") == steered


def test_other_notes_of_a_known_trace_are_told_and_the_stored_ones_stay(store: Store) -> None:
    before = make("a")
    store.add([before])
    tagged, weighed = make("a"), make("a")
    tagged.tags = ("else",)
    weighed.steers[0] = replace(weighed.steers[0], weight=7.0)
    for other in (tagged, weighed):
        taken = store.take([other, before])
        assert (taken.known, taken.noted, taken.new) == (["a", "a"], ["a"], [])
    assert store.get("a") == before


def test_sides_are_searched_beyond_what_is_listed(store: Store) -> None:
    trace = make("a")
    last = trace.steers[-1]
    long = trace.grow([*range(100, 400)], "model")
    trace.steers.append(
        replace(
            last,
            id=last.id + 1,
            chosen=None,
            ends=False,
            rejected=(Run(long.id, trace.depth(trace.head) - 300, trace.depth(trace.head)),),
            reason="Why",
        )
    )
    store.save(trace, lambda ids: " ".join(map(str, ids)))
    assert [row.steer for row in store.steers(text="399").rows] == [last.id + 1]
    trace.steers[-1] = replace(trace.steers[-1], reason="Because")
    store.save(trace, None)
    assert [len(store.steers(text=text).rows) for text in ("399", "why", "because")] == [1, 0, 1]


def test_a_stored_span_never_changes(store: Store) -> None:
    trace = make("a")
    store.save(trace)
    trace.spans[1] = replace(trace.spans[1], source="teacher")
    trace.grow([50], "model")
    with pytest.raises(StoreError, match="span 1 of trace a differs from the stored one; spans never change"):
        store.save(trace)
    with Store.open(store.name) as again, pytest.raises(StoreError, match="span 1 of trace a differs"):
        again.save(trace)  # without remembering what was saved
    assert store.get("a") == make("a")


def test_a_stored_run_never_changes_but_its_annotations_do(store: Store) -> None:
    trace = make("a")
    store.save(trace)
    trace.steers[0] = replace(trace.steers[0], tags=("x", "y", "x"), reason="Zürich", author="bob", weight=2)
    store.save(trace)
    assert store.get("a") == trace
    assert [row.steer for row in store.steers(tag="x").rows] == [0]
    assert [row.steer for row in store.steers(tag="t").rows] == [1]
    assert [row.reason for row in store.steers(text="ZÜRICH").rows] == ["Zürich"]
    assert list(store.verify()) == []
    trace.steers[0] = replace(trace.steers[0], rejected=())
    with pytest.raises(StoreError, match="steer 0 of trace a differs from the stored one; runs never change"):
        store.save(trace)


def test_the_conversation_of_a_stored_trace_never_changes(store: Store) -> None:
    trace = make("a")
    store.save(trace)
    trace.messages = [{"role": "user", "content": "else"}]
    with pytest.raises(StoreError, match="the conversation or the model of trace a differs"):
        store.save(trace)


def test_two_writers_of_one_trace_do_not_overwrite_each_other(store: Store) -> None:
    store.save(make("a"))
    with Store.open(store.name) as other:
        ours, theirs = store.get("a"), other.get("a")
        theirs.grow([60], "human")
        other.save(theirs)
        with pytest.raises(StoreError, match="trace a has grown elsewhere since it was read; read it again"):
            store.save(ours)
        ours.grow([61], "human")
        with pytest.raises(StoreError, match="span 5 of trace a differs"):
            store.save(ours)
    assert store.get("a") == theirs


def test_a_trace_that_is_not_there(store: Store) -> None:
    with pytest.raises(UserError, match=r"traces\.db: there is no trace 'nobody'"):
        store.get("nobody")


def test_the_beginning_of_an_id_will_do(store: Store) -> None:
    store.add([make(id) for id in ("abc1", "abc12", "abd%", "x_y")])
    assert store.id_of("abd") == "abd%"
    assert store.id_of("abc1") == "abc1"
    assert store.id_of("x_") == "x_y"
    with pytest.raises(UserError, match="several traces begin with 'ab': abc1, abc12, abd%; give more"):
        store.id_of("ab")
    for none in ("", "ABC1", "abd_", "%"):
        with pytest.raises(UserError, match="there is no trace"):
            store.id_of(none)


def test_the_head_and_the_rest_follow_a_save(store: Store) -> None:
    trace = make("a")
    store.save(trace)
    trace.undo()
    trace.tags, trace.attributes, trace.finished = ("new",), {"humour": 0.25}, True
    store.save(trace)
    assert store.get("a") == trace
    assert [row.id for row in store.traces(tag="new").rows] == ["a"]
    trace.redo()
    trace.tags = ()
    store.save(trace)
    assert store.get("a") == trace
    assert store.traces(tag="new").rows == ()


def test_messages_keep_their_kinds(store: Store) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "\ud83d\ude00 \x00\x10é"}], "n": 1.5, "none": None}
    ]
    store.save(replace(make("a"), messages=messages))
    assert json.dumps(store.get("a").messages) == json.dumps(messages)


def test_memory_stays_flat(store: Store) -> None:
    """Four times as many traces, in and out and checked, need no more memory at once."""

    def peak(work: Callable[[], object]) -> int:
        tracemalloc.start()
        work()
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    def traces(first: int, count: int) -> Iterator[Trace]:
        return (make(f"trace {number}") for number in range(first, first + count))

    store.add(traces(0, 100))
    few, many = peak(lambda: store.add(traces(1000, 200))), peak(lambda: store.add(traces(2000, 800)))
    assert many < 2 * few  # the ids of what was new are kept, a hundred bytes a trace
    batch = peak(lambda: next(store.all()))  # of seventeen
    assert peak(lambda: sum(len(trace.spans) for trace in store.all())) < 3 * batch
    assert peak(lambda: list(store.verify())) < 4 * batch
