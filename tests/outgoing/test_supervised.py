"""What goes out is what our own trainer trains on, once each."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from midcourse.learn.items import examples
from midcourse.outgoing.supervised import pairs, paths, sides
from midcourse.outgoing.tally import Tally
from midcourse.trace import Trace
from tests.outgoing import samples
from tests.traces import traces

TOK = samples.tok()
few = settings(max_examples=25)


def supervised(trace: Trace, *sides: str) -> Counter[tuple[int, ...]]:
    """Every supervised token of our own trainer, as the ids up to it."""
    found: Counter[tuple[int, ...]] = Counter()
    for example in examples([trace], sides):  # type: ignore[arg-type]
        for segment in example.segments:
            for part in segment.slices:
                before = [
                    token for span, length in trace.path(trace.end_of(part.span))[:-1] for token in span.ids[:length]
                ]
                for index in range(part.start, part.stop):
                    ids = trace.spans[part.span].ids[: index + 1]
                    found[(*trace.prompt, *before, *ids)] += 1
    return found


@few
@given(traces(TOK))
@pytest.mark.parametrize("accepted", [False, True])
def test_paths_train_what_our_trainer_trains(accepted: bool, trace: Trace) -> None:
    tally = Tally()
    found = list(paths(trace, tally, accepted=accepted))
    trained = Counter(tuple(path.ids[: place + 1]) for path in found for place, one in enumerate(path.trained) if one)
    meant = supervised(trace, "chosen", "accepted") if accepted else supervised(trace, "chosen")
    assert trained.keys() == meant.keys()
    on = [steer.id for path in found for steer in path.steers]
    assert len(on) == len(set(on)) == tally.steers
    assert tally.steers + sum(tally.left.values()) == len(trace.steers)
    for path in found:
        assert path.trained[-1]
        assert not any(path.trained[: len(trace.prompt)])
        assert [token for _, ids in path.runs() for token in ids] == path.ids


@few
@given(traces(TOK))
def test_sides_train_what_our_trainer_trains(trace: Trace) -> None:
    tally, meant = Tally(), supervised(trace, "chosen", "rejected", "marked")
    trained: Counter[tuple[int, ...]] = Counter()
    for pair in sides(trace, tally):
        assert bool(pair.chosen) != bool(pair.rejected)
        ids = pair.chosen or pair.rejected
        trained.update(tuple(pair.context + ids[: number + 1]) for number in range(len(ids)))
    assert trained == meant
    assert tally.steers + sum(tally.left.values()) == len(trace.steers)


@few
@given(traces(TOK))
def test_a_pair_for_each_rejected_run_of_a_correction(trace: Trace) -> None:
    tally = Tally()
    found = [(pair.steer.id, pair.chosen, pair.rejected) for pair in pairs(trace, tally)]
    assert found == [
        (steer.id, trace.run_ids(steer.chosen), trace.run_ids(run))
        for steer in trace.steers
        if steer.chosen and not steer.aside and steer.weight * trace.weight
        for run in steer.rejected
    ]
    assert tally.steers + sum(tally.left.values()) == len(trace.steers)


def test_an_abandoned_branch_has_a_row_of_its_own() -> None:
    tally = Tally()
    trace = samples.abandoned(TOK)
    found = list(paths(trace, tally))
    assert [TOK.tokenizer.decode(path.ids[len(trace.prompt) :]) for path in found] == ["the three", "the one"]
    assert tally.unsaid["a rejected run"] == 2
