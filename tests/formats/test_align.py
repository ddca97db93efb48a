from __future__ import annotations

import random
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.formats import align
from midcourse.formats.align import Change, changes, joined, unchanged

TOKENS = st.lists(st.integers(0, 3), max_size=16)


def common(old: list[int], new: list[int]) -> int:
    """The length of a longest common subsequence, by the table of the textbook."""
    row = [0] * (len(new) + 1)
    for token in old:
        before, row = row, [0]
        for place, other in enumerate(new):
            row.append(before[place] + 1 if token == other else max(before[place + 1], row[place]))
    return row[-1]


@given(TOKENS, TOKENS, st.integers(1, 4), st.sampled_from([1 << 30, 30]))
def test_changes_turn_one_into_the_other(old: list[int], new: list[int], gap: int, bits: int) -> None:
    kept, align._BITS = align._BITS, bits
    try:
        apart = changes(old, new)
    finally:
        align._BITS = kept
    found = joined(apart, gap)
    made, at = [], 0
    for change in found:
        made += old[at : change.start] + new[change.new_start : change.new_stop]
        at = change.stop
        assert len(made) == change.new_stop
        assert change.start < change.stop or change.new_start < change.new_stop
        if change.start < len(old) and change.new_start < len(new):  # it begins where the versions part
            assert old[change.start] != new[change.new_start]
    assert made + old[at:] == new
    assert all(after.start - before.stop >= gap for before, after in pairwise(found))
    assert unchanged(old, apart) == common(old, new)  # nothing is changed that could have been kept


@pytest.mark.parametrize(
    ("old", "new", "gap", "found"),
    [
        ("", "", 3, []),
        ("abc", "abc", 3, []),
        ("", "abc", 3, [Change(0, 0, 0, 3)]),
        ("abc", "", 3, [Change(0, 3, 0, 0)]),
        ("abcdef", "abXdef", 3, [Change(2, 3, 2, 3)]),
        ("very very good", "very good", 3, [Change(5, 10, 5, 5)]),  # after the first "very "
        ("a good day", "a good good day", 3, [Change(7, 7, 7, 12)]),
        ("0123456789", "01X3456Y89", 3, [Change(2, 3, 2, 3), Change(7, 8, 7, 8)]),
        ("0123456789", "01X3456Y89", 5, [Change(2, 8, 2, 8)]),
        ("abcd", "abcdef", 3, [Change(4, 4, 4, 6)]),
        ("abcdef", "abcd", 3, [Change(4, 6, 4, 4)]),
    ],
)
def test_changes(old: str, new: str, gap: int, found: list[Change]) -> None:
    assert joined(changes(list(map(ord, old)), list(map(ord, new))), gap) == found


def test_long_texts_that_have_nothing_in_common_are_quick() -> None:
    rng = random.Random(0)
    old, new = ([rng.randrange(2000) for _ in range(10_000)] for _ in range(2))
    began = time.process_time()
    assert len(joined(changes(old, new), 3)) >= 1
    print(f"{time.process_time() - began:.3f} s for 10,000 tokens against as many others")


def test_halving_takes_no_more_memory_than_what_is_kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two texts of 8,000 tokens would take 8 MB of rows, and each half of them 4."""
    monkeypatch.setattr(align, "_BITS", 1 << 20)
    rng = random.Random(0)
    old = [rng.randrange(200) for _ in range(8_000)]
    new = [*old[1:], 1000]
    tracemalloc.start()
    try:
        assert len(changes([999, *old], new)) == 2
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()
