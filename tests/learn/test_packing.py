"""Steps and packs: everything once, nothing too large, the same order again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midcourse.learn import rows
from midcourse.learn.items import examples
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


@given(st.integers(16, 400))
def test_packs_fit_and_hold_everything_in_order(max_tokens: int) -> None:
    made = packs(EXAMPLES, max_tokens)
    assert [example for layout in made for example in layout.examples] == EXAMPLES
    for layout in made:
        assert len(layout) <= max_tokens or len(layout.examples) == 1


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
    assert len(packs(EXAMPLES, max(SIZES) * 3, rows.size)) > len(packs(EXAMPLES, max(SIZES) * 3))
