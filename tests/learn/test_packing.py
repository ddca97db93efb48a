"""Steps and packs: everything once, nothing too large, the same order again."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from midcourse.learn.compute import rows
from midcourse.learn.items import Example, examples, texts
from midcourse.learn.layout import build
from midcourse.learn.packing import packs, steps
from tests.learn import sample

EXAMPLES = examples(sample.traces(8, steers=2))
SIZES = [len(build([example])) for example in EXAMPLES]


@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_takes_each_trace_once(count: int, size: int, seed: int, epoch: int) -> None:
    made = steps(count, size, seed=seed, epoch=epoch)
    assert sorted(place for step in made for place in step) == list(range(count))
    assert all(len(step) == size for step in made[:-1])
    assert made == steps(count, size, seed=seed, epoch=epoch)


def test_epochs_and_seeds_differ() -> None:
    one = steps(40, 4, seed=0, epoch=0)
    assert one != steps(40, 4, seed=0, epoch=1)
    assert one != steps(40, 4, seed=1, epoch=0)


@given(st.integers(30, 400), st.booleans())
def test_packs_fit_and_hold_everything_once(max_tokens: int, by_rows: bool) -> None:
    made = packs(EXAMPLES, max_tokens, by_rows=by_rows)
    assert Counter(target for layout in made for target in supervised(layout.examples)) == Counter(supervised(EXAMPLES))
    for layout in made:
        size = rows.size(layout) if by_rows else len(layout)
        assert size <= max_tokens or len(layout.examples) == 1
    again = packs(EXAMPLES, max_tokens, by_rows=by_rows)
    assert [layout.token_N for layout in again] == [layout.token_N for layout in made]


def supervised(found: list[Example]) -> list[tuple[object, ...]]:
    """Every supervised token of `found`."""
    return [
        (example.number, segment.side, segment.steer, segment.which, part.span, index)
        for example in found
        for segment in example.segments
        for part in segment.slices
        for index in range(part.start, part.stop)
    ]


def test_packs_are_full() -> None:
    """What has no room in the last pack may have some in one before."""
    sizes = [60, 50, 30, 40, 20]
    made = packs(texts([[seed] + [3 + seed] * (size) for seed, size in enumerate(sizes)]), 100)
    assert [[example.number for example in layout.examples] for layout in made] == [[0, 2], [1, 3], [4]]


def test_a_shared_beginning_counts_once() -> None:
    shared = sum(SIZES) - (len(SIZES) - 1) * len(sample.SHARED)
    assert len(build(EXAMPLES)) <= shared
    assert len(packs(EXAMPLES, shared)) == 1


def test_rows_are_counted_with_their_contexts() -> None:
    (layout,) = packs(EXAMPLES[:1], 10_000)
    trace = EXAMPLES[0].trace
    lengths = [
        len(trace.context(steer)) + len(trace.run_ids(run)) - 1
        for steer in trace.steers
        for run in (steer.chosen, *steer.rejected)
        if run is not None
    ]
    assert rows.size(layout) == sum(lengths)
    assert len(packs(EXAMPLES, max(SIZES) * 3, by_rows=True)) > len(packs(EXAMPLES, max(SIZES) * 3))
