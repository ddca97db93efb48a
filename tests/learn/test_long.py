"""Long steers: a window that fits, ends where the steer does, and is shared by neighbours; or an error, or nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.errors import ContextError
from midcourse.learn.items import Example, Side, examples, texts
from midcourse.learn.layout import build
from midcourse.learn.long import notice, shorten
from midcourse.trace.tree import Run, Trace, problems
from tests.learn import sample
from tests.learn.test_layout import _actual

ALL: tuple[Side, ...] = ("chosen", "rejected", "accepted")


def paths(found: list[Example]) -> list[tuple[object, tuple[int, ...], int]]:
    """Whose each supervised token is, the ids before it, and the token."""
    layout = build(found)
    names = [
        (found[placed.example].number, placed.segment.side, placed.segment.steer, placed.segment.which)
        for placed in layout.segments
    ]
    return [(names[s], *target) for s, target in zip(layout.segment_T, _actual(layout), strict=True)]


@given(st.integers(0, 30), st.integers(1, 14), st.integers(1, 2), st.integers(24, 120), st.integers(24, 120))
@settings(deadline=None)
def test_every_token_is_there_once_after_the_end_of_its_context(
    seed: int, steers: int, sides: int, max_tokens: int, context_length: int
) -> None:
    """What fits keeps its whole context; what does not keeps the end of it, about half of what fits at least."""
    found = examples([sample.trace(seed, steers=steers, sides=sides)], ALL)
    made, cuts = shorten(found, max_tokens, context_length, "cut")
    before, after = paths(found), [one for example in made for one in paths([example])]
    assert Counter((name, token) for name, _, token in before) == Counter((name, token) for name, _, token in after)
    whole = {}
    for name, context, token in before:
        whole.setdefault((name, token), []).append(context)
    for name, context, token in after:
        assert any(full[len(full) - len(context) :] == context for full in whole[name, token])
    for example in made:
        layout = build([example])
        assert layout.depth <= context_length
        if example.trace is not found[0].trace:
            assert not problems(example.trace)
            assert len(layout) <= max_tokens
    cut = {one.steer: one for one in cuts if one.steer is not None}
    for example in made:
        for name, context, _ in paths([example]):
            if example.trace is not found[0].trace and name[2] is not None:
                assert len(context) >= cut[name[2]].kept
    for one in cut.values():
        assert one.context > one.kept >= min(max_tokens, context_length) // 2 - 4 * (sides + 1)


def test_neighbours_share_a_window() -> None:
    trace = sample.trace(0, steers=60, length=4, prompt=8)
    made, cuts = shorten(examples([trace]), 200, 4096, "cut")
    whole, *windows = made
    assert whole.trace is trace
    assert 2 < len(windows) < 8
    assert len(build([whole])) > 200, "that is for cutting.py"
    assert all(150 < len(build([window])) <= 200 for window in windows)
    assert all(one.kept >= 100 for one in cuts)
    assert max(one.kept for one in cuts) > 180


def test_what_is_cut_is_said() -> None:
    trace = sample.trace(2, steers=9)
    _, cuts = shorten(examples([trace]), 4096, 40, "cut")
    deepest = max(cuts, key=lambda one: one.context)
    told = f"trace 0 (t2), steer 8: context of {deepest.context} tokens cut to the last {deepest.kept}"
    assert notice(cuts).startswith(f"cut, because too long: {told}; ")
    assert notice(cuts).endswith("more")
    _, left = shorten(examples([trace]), 4096, 40, "skip")
    assert notice(left).startswith(
        f"left out, because too long: trace 0 (t2), steer 8: context of {deepest.context} tok"
    )


def test_a_window_within_the_prompt() -> None:
    trace = sample.trace(3, steers=1, prompt=60)
    made, (cut,) = shorten(examples([trace]), 30, 4096, "cut")
    assert made[0].trace.prompt == trace.prompt[-len(made[0].trace.prompt) :]
    assert len(made[0].trace.prompt) + trace.steers[0].start == cut.kept
    assert len(build(made)) == 30


def test_branches_that_part_before_the_window_have_windows_of_their_own() -> None:
    trace = Trace("b", [], (5, 6), "tiny", "none")
    for first in (10, 11):
        span = trace.branch(trace.history[0], [first, *range(20, 60)], "model")
        at = trace.end_of(span.id)
        bad = trace.branch(at, [70 + first], "model")
        trace.steer(at, [80 + first], [Run(bad.id, 41, 42)], move=False)
    made, cuts = shorten(examples([trace]), 32, 4096, "cut")
    assert len(made) == len(cuts) == 2
    assert [build([one]).token_N[0] for one in made] == [28, 28]


def test_long_texts_lose_nothing() -> None:
    (text,) = texts([list(range(3, 90))])
    made, cuts = shorten([text], 4096, 30, "cut")
    assert sum(len(segment) for example in made for segment in example.segments) == 86
    assert max(build([example]).depth for example in made) <= 30
    assert sum(one.tokens for one in cuts) == 86 - 29


@pytest.mark.parametrize(("steers", "length", "prompt"), [(1, 60, 4), (1, 5, 50)])
def test_what_no_cut_makes_fit_is_an_error_unless_it_is_skipped(steers: int, length: int, prompt: int) -> None:
    found = examples([sample.trace(1, steers=steers, length=length, prompt=prompt)])
    with pytest.raises(ContextError, match=r"the model sees 40 tokens, and no room is left beside: trace 0 \(t1\)"):
        shorten(found, 4096, 40, "cut")
    assert shorten(found, 4096, 40, "skip")[0] == []


def test_a_steer_larger_than_max_tokens_alone_keeps_half_and_goes_at_once() -> None:
    found = examples([sample.trace(1, steers=3, length=60, prompt=50)])
    made, cuts = shorten(found, 50, 4096, "cut")
    assert [one.kept for one in cuts] == [25] * 3
    assert all(len(build([example])) > 50 for example in made)
