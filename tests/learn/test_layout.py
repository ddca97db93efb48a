"""The packed sequence against the plain definition: every path whole, every token once, nothing that is not needed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.learn.batch import batch
from midcourse.learn.items import Example, Side, examples, texts
from midcourse.learn.layout import Layout, build
from midcourse.trace.tree import Run, Trace
from tests.learn import sample

ALL: tuple[Side, ...] = ("chosen", "rejected", "accepted")


def _expected(example: Example) -> list[tuple[tuple[int, ...], int]]:
    """(ids before, token) of each supervised token, from the trace alone."""
    found = []
    trace = example.trace
    for segment in example.segments:
        for part in segment.slices:
            for index in range(part.start, part.stop):
                before = (*trace.prompt, *trace.answer(trace.end_of(part.span)))
                depth = len(before) - len(trace.spans[part.span].ids) + index
                found.append((before[:depth], trace.spans[part.span].ids[index]))
    return found


def _actual(layout: Layout) -> list[tuple[tuple[int, ...], int]]:
    return [
        (tuple(layout.token_N[at] for at in layout.path(row)), token)
        for row, token in zip(layout.row_T, layout.token_T, strict=True)
    ]


@given(st.lists(st.integers(0, 9), max_size=4), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_layout_is_the_pruned_tree_of_all_paths(seeds: list[int], steers: int, sides: int) -> None:
    found = examples([sample.trace(seed, steers=steers, sides=sides) for seed in seeds], ALL)
    layout = build(found)
    expected = [target for example in found for target in _expected(example)]
    assert _actual(layout) == expected

    prefixes = {before[:end] for before, _ in expected for end in range(1, len(before) + 1)}
    paths = [tuple(layout.token_N[at] for at in layout.path(row)) for row in range(len(layout))]
    assert len(paths) == len(set(paths)) == len(prefixes)
    assert set(paths) == prefixes
    assert layout.position_N == [len(path) - 1 for path in paths]

    seen = batch(layout).tree.mask_NN().tolist()
    for query in range(len(layout)):
        assert [key for key in range(len(layout)) if seen[query][key]] == layout.path(query)


def test_window_counts_depth_not_rows() -> None:
    layout = build(examples([sample.trace(1, steers=3)]))
    seen = batch(layout).tree.mask_NN(4).tolist()
    for query in range(len(layout)):
        assert [key for key in range(len(layout)) if seen[query][key]] == layout.path(query)[-4:]


def test_the_trunk_is_one_run_of_rows() -> None:
    trace = sample.trace(3, steers=6)
    layout = build(examples([trace], ALL))
    trunk = [*trace.prompt, *trace.answer(trace.head)][:-1]  # its last token is predicted, not fed
    assert layout.token_N[: len(trunk)] == trunk
    assert layout.parent_N[: len(trunk)] == list(range(-1, len(trunk) - 1))


def test_branches_that_nothing_refers_to_are_left_out() -> None:
    plain, extended = sample.trace(5), sample.trace(5)
    extended.branch(extended.at(extended.head, 3), [50, 51, 52], "model")
    assert build(examples([plain], ALL)).token_N == build(examples([extended], ALL)).token_N


def test_every_supervised_token_belongs_to_a_steer_or_was_accepted() -> None:
    trace = sample.trace(7, sides=2)
    (example,) = examples([trace], ALL)
    for segment in example.segments:
        ids = [token for part in segment.slices for token in trace.spans[part.span].ids[part.start : part.stop]]
        if segment.steer is None:
            assert segment.side == "accepted"
            model = [token for token, source in trace.trunk() if source == "model"]
            assert ids == model
        else:
            steer = trace.steers[segment.steer]
            run = steer.chosen if segment.side == "chosen" else steer.rejected[segment.which]
            assert run is not None
            assert ids == trace.run_ids(run)


def test_an_end_is_accepted_only_when_the_answer_is_finished() -> None:
    (open_,) = examples([sample.trace(1, finished=False)], ["accepted"])
    (closed,) = examples([sample.trace(1, finished=True)], ["accepted"])
    assert len(closed.segments[0]) == len(open_.segments[0]) + 1


def test_tokens_that_a_mark_rejects_are_not_accepted() -> None:
    trace = Trace("m", [], (5, 6), "tiny", "none", finished=True)
    span = trace.grow([10, 11, 12, 13, 14], "model")
    trace.steer(trace.at(trace.head, 2), None, [Run(span.id, 2, 4)])
    (example,) = examples([trace], ["accepted"])
    assert [(part.start, part.stop) for part in example.segments[0].slices] == [(0, 2), (4, 5)]


def test_weight_zero_is_absent() -> None:
    assert examples([sample.trace(1, weight=0.0)], ["chosen", "rejected"]) == []


def test_texts_are_supervised_from_their_second_token() -> None:
    layout = build(texts([[4, 5, 6], [7]], first=3))
    assert (layout.token_N, layout.token_T, layout.row_T) == ([4, 5], [5, 6], [0, 1])
    assert layout.examples[0].number == 3
