"""The tree: any sequence of operations keeps every invariant, and each broken invariant is found."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from midcourse.errors import SteerError
from midcourse.trace.tree import ROOT, Point, Run, Span, Steer, Trace, problems

END = 9
tokens = st.lists(st.integers(0, 3), max_size=4)


class Session(RuleBasedStateMachine):
    """Grow, steer, undo, redo, move and branch in any order, against a model that only knows token lists.

    `heads` are the answers at each place of the head, `now` which of them it is; `kept` are all spans and steers seen
    so far, none of which may ever change.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trace = Trace("t", [], (7,), "m", "f", frozenset({END}))
        self.heads: list[list[int]] = [[]]
        self.now = 0
        self.kept: tuple[list[Span], list[Steer]] = ([], [])

    def goes_to(self, answer: list[int]) -> None:
        self.heads[self.now + 1 :] = [answer]
        self.now += 1

    def attempt(self, act):
        """What `act` returns; None if it is refused, which must change nothing."""
        before = copy.deepcopy(self.trace)
        try:
            return act()
        except SteerError:
            assert self.trace == before
            return None

    @rule(ids=tokens, ends=st.booleans(), source=st.sampled_from(["model", "model", "human"]))
    def grow(self, ids, ends, source):
        ids = ids + [END] * ends
        was, head = self.heads[self.now], self.trace.head
        span = self.attempt(lambda: self.trace.grow(ids, source))
        if span is None:
            assert not ids or (was and was[-1] == END)
            return
        assert (span.parent, span.fork) == head
        parent = self.trace.spans[head.span] if head.span is not None else None
        undone = self.now + 1 < len(self.heads)
        if parent and parent.source == source == "model" and span.fork == len(parent.ids) and not undone:
            self.heads[self.now] = was + ids  # a model that goes on writing is one step
        else:
            self.goes_to(was + ids)

    @rule(
        data=st.data(), ids=tokens, ends=st.booleans(), others=st.integers(0, 2), mark=st.booleans(), move=st.booleans()
    )
    def steer(self, data, ids, ends, others, mark, move):
        trace, answer = self.trace, self.heads[self.now]
        depth = data.draw(st.integers(0, len(answer)))
        chosen = None if mark else ids + [END] * ends
        at = trace.at(trace.head, depth)
        runs = []
        if depth < len(answer) and data.draw(st.booleans()):
            stop = data.draw(st.integers(depth + 1, len(answer)))
            runs.append(Run(trace.at(trace.head, stop).span, depth, stop))
        for _ in range(others):
            span = self.attempt(lambda: trace.branch(at, data.draw(tokens), "model"))
            if span is not None:
                runs.append(Run(span.id, depth, depth + len(span.ids)))
        sides = [trace.run_ids(run) for run in runs]
        steer = self.attempt(lambda: trace.steer(at, chosen, runs, move=move))
        if steer is None:
            after_end = depth > 0 and answer[depth - 1] == END
            begins = chosen and any(side[: len(chosen)] == chosen or chosen[: len(side)] == side for side in sides)
            assert (not chosen and not (mark and runs)) or after_end or begins
            return
        shared = steer.start - depth
        assert trace.context(steer) == [7, *answer[:depth], *(sides[0][:shared] if sides else [])]
        assert [trace.run_ids(run) for run in steer.rejected] == [side[shared:] for side in sides]
        if chosen is None:
            assert steer.chosen is None
        else:
            assert trace.run_ids(steer.chosen) == chosen[shared:]
            assert steer.ends == (chosen[-1] == END)
            if move:
                self.goes_to(answer[:depth] + chosen)

    @rule(data=st.data())
    def back(self, data):
        depth = data.draw(st.integers(0, len(self.heads[self.now])))
        to = self.trace.at(self.trace.head, depth)
        if to != self.trace.head:
            self.goes_to(self.heads[self.now][:depth])
        self.trace.move(to)

    @precondition(lambda self: self.trace.spans)
    @rule(data=st.data())
    def elsewhere(self, data):
        span = data.draw(st.sampled_from(self.trace.spans))
        to = Point(span.id, data.draw(st.integers(1, len(span.ids))))
        if to != self.trace.head:
            self.goes_to(self.trace.answer(to))
        self.trace.move(to)

    @rule()
    def undo(self):
        assert self.trace.undo() == (self.now > 0)
        self.now = max(self.now - 1, 0)

    @rule()
    def redo(self):
        able = self.now + 1 < len(self.heads)
        assert self.trace.redo() == able
        self.now += able

    @invariant()
    def what_is_on_the_path_ends_at_one_of_its_places(self) -> None:
        trace = self.trace
        for steer, on_path in zip(trace.steers, trace.on_path(), strict=True):
            run = steer.chosen or steer.rejected[0]
            reached = trace.depth(trace.head) >= run.stop
            assert on_path == (reached and trace.at(trace.head, run.stop) == trace.at(trace.end_of(run.span), run.stop))

    @invariant()
    def it_is_sound(self):
        assert problems(self.trace) == []

    @invariant()
    def the_head_is_where_it_was_put(self):
        assert self.trace.cursor == self.now
        assert [self.trace.answer(point) for point in self.trace.history] == self.heads
        assert [token for token, _ in self.trace.trunk()] == self.heads[self.now]

    @invariant()
    def nothing_is_ever_changed(self):
        spans, steers = self.kept
        assert self.trace.spans[: len(spans)] == spans
        assert self.trace.steers[: len(steers)] == steers
        self.kept = (list(self.trace.spans), list(self.trace.steers))


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=300, stateful_step_count=20, deadline=None)


# ---- broken traces are found ---------------------------------------------------------------------------------------


def sound() -> Trace:
    trace = Trace("t", [], (7,), "m", "f", frozenset({END}))
    trace.grow([1, 2, 3], "model", [-1.0, -1.0, -1.0])
    trace.steer(trace.at(trace.head, 1), [4, END], [Run(0, 1, 3)])
    return trace


def with_span(number, **change):
    def broken(trace):
        trace.spans[number] = replace(trace.spans[number], **change)

    return broken


def with_steer(**change):
    def broken(trace):
        trace.steers[0] = replace(trace.steers[0], **change)

    return broken


def with_trace(**change):
    def broken(trace):
        for name, value in change.items():
            setattr(trace, name, value)

    return broken


def test_a_sound_trace_has_no_problems():
    assert problems(sound()) == []


def test_kinds():
    trace = Trace("t", [], (7,), "m", "f", frozenset({END}))
    trace.grow([1, 2, 3, 4], "model")
    trace.steer(trace.at(trace.head, 3), [5], [Run(0, 3, 4)])
    trace.steer(trace.at(trace.head, 4), [6, END])
    trace.steer(trace.at(trace.head, 2), None, [Run(0, 2, 4)])
    trace.steer(trace.at(trace.head, 1), [END], [Run(0, 1, 4)])
    trace.steer(ROOT, [END])
    assert [steer.kind for steer in trace.steers] == ["correction", "insertion", "mark", "ending", "ending"]
    assert trace.on_path() == [False, False, False, False, True]
    trace.undo()
    trace.undo()
    assert trace.on_path() == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (with_span(0, id=5), "span 0 calls itself 5"),
        (with_span(0, ids=(), logprobs=None), "span 0 is empty"),
        (with_span(0, source="x"), "unknown source 'x'"),
        (with_span(0, logprobs=(1.0,)), "1 log-probabilities for 3 tokens"),
        (with_span(1, ids=(END, 4)), "goes on after the end"),
        (with_span(0, fork=1), "no parent but forks after 1"),
        (with_span(1, parent=1), "which does not come before it"),
        (with_span(1, fork=9), "forks after 9 of 3 tokens"),
        (with_span(0, ids=(END,), logprobs=None), "follows the end of the answer"),
        (with_steer(id=1), "steer 0 calls itself 1"),
        (with_steer(chosen=None, rejected=(), ends=False), "steer 0 is empty"),
        (with_steer(chosen=Run(7, 1, 2)), "span 7, which does not exist"),
        (with_steer(chosen=Run(1, 1, 9)), "outside of its path of 3 tokens"),
        (with_steer(rejected=(Run(0, 0, 3),)), "different contexts"),
        (with_steer(ends=False), "wrongly whether it ends"),
        (with_steer(weight=-1.0), "weight -1.0"),
        (with_steer(weight=float("nan")), "weight nan"),
        (with_span(1, ids=(2, END)), "begin alike"),
        (with_trace(cursor=9), "the head is entry 9 of 3"),
        (with_trace(history=[ROOT, Point(5, 1), ROOT]), "no place in the tree"),
        (with_trace(weight=float("inf")), "the trace has the weight inf"),
    ],
)
def test_each_broken_invariant_is_found(broken, said):
    trace = sound()
    broken(trace)
    assert any(said in problem for problem in problems(trace)), problems(trace)


def test_a_list_trims_only_what_all_share():
    trace = Trace("t", [], (7,), "m", "f", frozenset({END}))
    bad = [trace.branch(ROOT, ids, "model") for ids in ([1, 2, 2], [1, 3])]
    steer = trace.steer(ROOT, [1, 2, 4], [Run(span.id, 0, len(span.ids)) for span in bad])
    assert steer.start == 1
    assert trace.run_ids(steer.chosen) == [2, 4]
    assert [trace.run_ids(run) for run in steer.rejected] == [[2, 2], [3]]


@pytest.mark.parametrize(
    ("chosen", "rejected", "said"),
    [
        ([], [[1]], "nothing is chosen"),
        (None, [], "the steer is empty"),
        ([1], [[1]], "only repeats"),
        ([1], [[1, 2]], "only repeats"),
        ([1, 2], [[1]], "only the beginning of the correction"),
        ([1, 2], [[1], [3]], "one of the rejected runs is only the beginning"),
        ([1], [[1, 2], [3]], "the correction is only the beginning of one"),
    ],
)
def test_a_steer_that_says_nothing_is_refused(chosen, rejected, said):
    trace = Trace("t", [], (7,), "m", "f", frozenset({END}))
    runs = [Run(trace.branch(ROOT, ids, "model").id, 0, len(ids)) for ids in rejected]
    with pytest.raises(SteerError, match=said):
        trace.steer(ROOT, chosen, runs)
    assert trace.steers == []


def test_a_model_that_goes_on_is_one_step_except_after_an_undo():
    trace = Trace("t", [], (7,), "m", "f", frozenset({END}))
    trace.grow([1], "model")
    trace.grow([2], "model")
    trace.steer(Point(1, 1), [3])
    trace.undo()
    trace.grow([4], "model")
    assert not trace.redo()
    assert trace.answer(trace.head) == [1, 2, 4]
    assert trace.undo()
    assert trace.answer(trace.head) == [1, 2]
    assert trace.undo()
    assert trace.head == ROOT
