"""The engine contract, held by every engine to the same tiny model: what it writes, when it stops, what it says.

`beds.bed` opens them. What an engine cannot do is read from its abilities, and then has to be refused.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import Step
from midcourse.errors import ContextError, ModelError, UserError
from midcourse.session import Session
from midcourse.trace import problems
from midcourse.trace.text import to_bytes, to_text
from tests.engine import beds
from tests.engine.beds import Bed, ids

TOLERANCE = 2e-3  # nats between two implementations in float32
Make = Callable[..., Bed]


@pytest.fixture(scope="module", params=beds.KINDS)
def opened(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Beds of one kind of engine, each made once for the module."""
    made: dict[tuple[bool, bool], Bed] = {}

    def make(*, ascii: bool = False, ends: bool = False) -> Bed:
        if (ascii, ends) not in made:
            made[ascii, ends] = beds.bed(request.param, ascii=ascii, ends=ends)
        return made[ascii, ends]

    yield make
    for one in made.values():
        one.engine.close()
        one.engine.close()  # twice is once


@pytest.fixture
def bed(opened: Make) -> Bed:
    """A model that writes plain letters and never ends."""
    return opened(ascii=True)


def wrote(steps: Iterator[Step]) -> list[int]:
    return [step.id for step in steps]


# ---- what is written ---------------------------------------------------------------------------------------------


def test_greedy_is_what_the_model_thinks_best(bed: Bed) -> None:
    prompt = ids(21)
    assert wrote(bed.engine.stream(prompt, Sampling(), max_tokens=24)) == bed.greedy(prompt, 24)


def test_characters_in_pieces_and_bytes_that_are_no_text(opened: Make) -> None:
    """A random model over bytes writes both; an engine that gives ids gives all of them."""
    bed = opened()
    if not bed.engine.abilities.exact_ids:
        return
    for seed in range(4):
        prompt = ids(9, seed=seed)
        expected = bed.greedy(prompt, 16)
        assert any(token > 100 for token in expected)
        steps = list(bed.engine.stream(prompt, Sampling(), max_tokens=16, top=3))
        assert [step.id for step in steps] == expected
        for place, step in enumerate(steps):
            best = bed.logp([*prompt, *expected[:place]])[step.id]
            assert math.isnan(step.logprob) or step.logprob == pytest.approx(float(best), abs=TOLERANCE)
        (row,) = bed.engine.batch([prompt], Sampling(), max_tokens=16)
        assert row.ids == expected


def test_log_probabilities_are_the_models_own(bed: Bed) -> None:
    prompt = ids(13, seed=1)
    steps = list(bed.engine.stream(prompt, Sampling(temperature=1.3, top_p=0.9, seed=3), max_tokens=6, top=5))
    assert len(steps) == 6
    if not bed.engine.abilities.logprobs:
        assert all(math.isnan(step.logprob) and not step.top for step in steps)
        return
    most = min(5, bed.engine.abilities.top or 5)
    for place, step in enumerate(steps):
        logp_V = bed.logp([*prompt, *(other.id for other in steps[:place])])
        assert step.logprob == pytest.approx(float(logp_V[step.id]), abs=TOLERANCE)
        assert len(step.top) == most
        for (token, logprob), best in zip(step.top, logp_V.topk(most).values.tolist(), strict=True):
            assert logprob == pytest.approx(best, abs=TOLERANCE)
            assert logprob == pytest.approx(float(logp_V[token]), abs=TOLERANCE)


def test_next_is_the_distribution(bed: Bed) -> None:
    prompt = ids(17, seed=2)
    if not bed.engine.abilities.logprobs:
        with pytest.raises(UserError, match="log-probabilities"):
            bed.engine.next(prompt)
        return
    found, logp_V = bed.engine.next(prompt, top=5), bed.logp(prompt)
    assert found.id == int(logp_V.argmax()) == found.top[0].id
    assert found.logprob == pytest.approx(float(logp_V.max()), abs=TOLERANCE)
    assert [token for token, _ in found.top] == logp_V.topk(min(5, bed.engine.abilities.top or 5)).indices.tolist()


# ---- when it stops -----------------------------------------------------------------------------------------------


def test_it_ends_after_the_token_that_ends_an_answer(opened: Make) -> None:
    bed = opened(ascii=True, ends=True)
    ends = bed.engine.tokenizer.end_ids
    ended = 0
    for seed in range(6):
        prompt = ids(11, seed=seed)
        found = wrote(bed.engine.stream(prompt, Sampling(), max_tokens=30))
        assert found == bed.greedy(prompt, 30)
        (row,) = bed.engine.batch([prompt], Sampling(), max_tokens=30)
        assert row.ids == found
        assert row.ended == (found[-1] in ends)
        ended += row.ended
    assert ended


def test_it_ends_at_limits(bed: Bed) -> None:
    prompt, engine = ids(9), bed.engine
    assert wrote(engine.stream(prompt, Sampling(), max_tokens=0)) == []
    assert len(wrote(engine.stream(prompt, Sampling(), max_tokens=7))) == 7
    assert len(wrote(engine.stream(prompt, Sampling(), max_tokens=9, stop=lambda written: len(written) == 3))) == 3
    full = ids(engine.context_length - 2)
    assert len(wrote(engine.stream(full, Sampling(), max_tokens=10))) == 2


def test_what_does_not_fit_is_refused(bed: Bed) -> None:
    engine = bed.engine
    with pytest.raises(ContextError, match="sees at most"):
        list(engine.stream(ids(engine.context_length), Sampling(), max_tokens=5))
    with pytest.raises(ContextError, match="sees at most"):
        engine.batch([ids(3), ids(engine.context_length)], Sampling(), max_tokens=5)
    with pytest.raises(ModelError, match="token 99999 is not in the vocabulary"):
        list(engine.stream([5, 99999], Sampling(), max_tokens=5))
    assert len(wrote(engine.stream(ids(3), Sampling(), max_tokens=2))) == 2  # and it goes on


def test_cancel_stops_within_one_token(bed: Bed) -> None:
    cancel, written = threading.Event(), 0
    for _ in bed.engine.stream(ids(9), Sampling(), max_tokens=200, cancel=cancel):
        written += 1
        if written == 3:
            cancel.set()
    assert written <= 4
    assert len(wrote(bed.engine.stream(ids(9), Sampling(), max_tokens=3))) == 3


def test_cancelled_before_it_begins(bed: Bed) -> None:
    cancel = threading.Event()
    cancel.set()
    assert wrote(bed.engine.stream(ids(200, seed=8), Sampling(), max_tokens=20, cancel=cancel)) == []


def test_closed_it_leaves_the_engine_free(bed: Bed) -> None:
    prompt = ids(9, seed=3)
    stream = bed.engine.stream(prompt, Sampling(), max_tokens=200)
    first = next(stream).id
    stream.close()  # type: ignore[attr-defined]
    assert wrote(bed.engine.stream(prompt, Sampling(), max_tokens=2))[0] == first


# ---- again, and on ----------------------------------------------------------------------------------------------


def test_the_seed_decides(bed: Bed) -> None:
    prompt = ids(7, seed=4)

    def answer(seed: int) -> list[int]:
        bed.engine.drop()
        return wrote(bed.engine.stream(prompt, Sampling(temperature=2.0, seed=seed), max_tokens=15))

    assert answer(1) == answer(1)
    assert answer(1) != answer(2)


def test_a_greedy_answer_resumed_is_the_uninterrupted_one(bed: Bed) -> None:
    prompt = ids(11, seed=5)
    answer = wrote(bed.engine.stream(prompt, Sampling(), max_tokens=20))
    for cut in (1, 7, 19):
        stream = bed.engine.stream(prompt, Sampling(), max_tokens=20)
        first = [next(stream).id for _ in range(cut)]
        stream.close()  # type: ignore[attr-defined]
        wrote(bed.engine.stream(ids(5, seed=9), Sampling(), max_tokens=2))  # somebody else in between
        assert first + wrote(bed.engine.stream([*prompt, *first], Sampling(), max_tokens=20 - cut)) == answer


def test_a_drawn_answer_resumed(bed: Bed) -> None:
    """Is the uninterrupted one where the engine says so; and anywhere it depends on where it was resumed alone."""
    prompt, sampling = ids(11, seed=6), Sampling(temperature=1.5, seed=4)
    answer = wrote(bed.engine.stream(prompt, sampling, max_tokens=12))
    rests = [wrote(bed.engine.stream([*prompt, *answer[:5]], sampling, max_tokens=7)) for _ in range(2)]
    assert rests[0] == rests[1]
    if bed.engine.abilities.resumes_alike:
        assert answer[:5] + rests[0] == answer


def test_after_a_steer_only_the_correction_is_read(bed: Bed) -> None:
    engine, prompt = bed.engine, ids(60, seed=7)
    engine.drop()
    answer = wrote(engine.stream(prompt, Sampling(), max_tokens=12))
    assert sum(engine.last_reuse) == 60
    corrected = [*prompt, *answer[:4], *ids(3, seed=8)]
    next(engine.stream(corrected, Sampling(), max_tokens=1))
    assert sum(engine.last_reuse) == len(corrected)
    if engine.abilities.rolls_back:
        assert engine.last_reuse.fed <= 4


def test_what_is_read_ahead_changes_nothing(bed: Bed) -> None:
    """But that less has to be read afterwards, where the engine keeps what it has read."""
    engine, prompt = bed.engine, ids(40, seed=15)
    engine.drop()
    draft = [*prompt, *ids(9, seed=16)]
    engine.prepare(prompt)
    engine.prepare(draft)
    kept = [*draft[:-2], *ids(2, seed=17)]
    assert wrote(engine.stream(kept, Sampling(), max_tokens=8)) == bed.greedy(kept, 8)
    if engine.abilities.rolls_back:
        assert engine.last_reuse.fed <= 3
    with pytest.raises(ContextError, match="sees at most"):
        engine.prepare(ids(engine.context_length + 1))


# ---- how it is chosen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.5, top_k=3),
        Sampling(temperature=1.5, top_p=0.4),
        Sampling(temperature=1.5, min_p=0.3),
        Sampling(temperature=2.0, top_k=20, top_p=0.7, min_p=0.1),
    ],
    ids=["top_k", "top_p", "min_p", "all"],
)
def test_only_what_the_filters_keep_is_drawn(bed: Bed, sampling: Sampling) -> None:
    from midcourse.engine.sampling import filtered

    prompt = ids(15, seed=10)
    if not bed.engine.abilities.filters and (sampling.top_k or sampling.min_p):
        with pytest.raises(UserError, match="neither top_k nor min_p"):
            bed.engine.batch([prompt], sampling, max_tokens=1)
        return
    kept = set(filtered(bed.logp(prompt)[None], sampling)[0].nonzero().flatten().tolist())
    rows = bed.engine.batch([prompt] * 24, sampling, max_tokens=1)
    drawn = [row.ids[0] for row in rows]
    assert set(drawn) <= kept
    assert len(set(drawn)) > 1


def test_draws_follow_the_distribution(bed: Bed) -> None:
    """A χ² test of 300 draws against what the filters leave; the seeds are fixed, so it always ends alike."""
    from midcourse.engine.sampling import filtered

    if not bed.engine.abilities.filters:
        return  # the server's own top-k and min-p cannot be switched off
    prompt, sampling = ids(15, seed=11), Sampling(temperature=1.2, top_k=6, seed=100)
    probs_V = filtered(bed.logp(prompt)[None], sampling)[0]
    drawn = [row.ids[0] for row in bed.engine.batch([prompt] * 300, sampling, max_tokens=1)]
    expected = {token: 300 * float(probs_V[token]) for token in probs_V.nonzero().flatten().tolist()}
    chi2 = sum((drawn.count(token) - count) ** 2 / count for token, count in expected.items())
    assert chi2 < 20.5  # five degrees of freedom: one in a thousand is above


def test_guidance_is_given_or_refused(bed: Bed) -> None:
    prompt, plain = ids(15, seed=12), ids(6, seed=13)
    asked = Sampling(guidance=2.0)
    if bed.engine.abilities.guides:
        assert len(wrote(bed.engine.stream(prompt, asked, max_tokens=3, neutral=plain))) == 3
        return
    with pytest.raises(UserError, match="guidance"):
        list(bed.engine.stream(prompt, asked, max_tokens=3, neutral=plain))
    with pytest.raises(UserError, match="guidance"):
        bed.engine.batch([prompt], asked, max_tokens=3, neutral=[plain])


# ---- many at once ------------------------------------------------------------------------------------------------


def test_rows_are_what_streams_are(bed: Bed) -> None:
    prompts = [ids(length, seed=length) for length in (5, 30, 12, 9, 60, 7)]
    limits = [6, 1, 9, 4, 0, 8]
    rows = bed.engine.batch(prompts, Sampling(), max_tokens=limits, top=2)
    for prompt, limit, row in zip(prompts, limits, rows, strict=True):
        assert row.ids == wrote(bed.engine.stream(prompt, Sampling(), max_tokens=limit))
        assert len(row.logprobs) == len(row.ids) == len(row.tops)
        assert not row.ended


def test_rows_draw_with_seeds_of_their_own(bed: Bed) -> None:
    prompt, sampling = ids(8, seed=14), Sampling(temperature=2.0, seed=5)
    one = bed.engine.batch([prompt] * 3, sampling, max_tokens=8)
    each = bed.engine.batch([prompt] * 3, [replace(sampling, seed=5 + row) for row in range(3)], max_tokens=8)
    assert [row.ids for row in one] == [row.ids for row in each]
    assert len({tuple(row.ids) for row in one}) == 3


def test_rows_stop_by_themselves(bed: Bed) -> None:
    prompts = [ids(6, seed=seed) for seed in range(5)]
    seen: list[list[list[int]]] = [[] for _ in prompts]

    def stop(row: int, written: list[int]) -> bool:
        seen[row].append(list(written))
        return len(written) == row + 1

    rows = bed.engine.batch(prompts, Sampling(), max_tokens=20, stop=stop)
    assert [len(row.ids) for row in rows] == [1, 2, 3, 4, 5]
    for row, made in enumerate(rows):
        assert seen[row] == [made.ids[:length] for length in range(1, row + 2)]


# ---- in use ------------------------------------------------------------------------------------------------------


def test_a_session_steers_with_it(opened: Make) -> None:
    """Exactly, through characters of several bytes; nothing is tokenized again, and the trace stays whole."""
    bed = opened(ascii=True, ends=True)
    saved: list[int] = []
    engine = bed.engine
    asked = [{"role": "user", "content": "say the"}]
    session = Session.start(asked, engine, lambda trace: saved.append(len(trace.spans)))
    assert list(session.trace.prompt) == bed.loaded.tokenizer.prompt(asked)
    for _ in session.resume(max_tokens=6):
        pass
    written = session.answer()
    session.steer("é 中🙂 the", byte=2)
    assert to_text(engine.tokenizer, session.answer())[2:] == "é 中🙂 the"
    kept = session.answer()
    more = wrote(session.resume(max_tokens=5))
    assert session.answer() == [*kept, *more]
    assert more == bed.greedy([*session.trace.prompt, *kept], 5)
    (steer,) = session.trace.steers
    assert steer.chosen is not None
    assert session.trace.run_ids(steer.rejected[0])[0] in written
    assert problems(session.trace) == []
    assert saved
    assert to_bytes(engine.tokenizer, session.answer()).startswith(to_bytes(engine.tokenizer, written)[:2])


def test_it_says_what_it_is(bed: Bed) -> None:
    engine = bed.engine
    assert engine.source
    assert engine.model_name
    assert engine.tokenizer.fingerprint == bed.loaded.tokenizer.fingerprint
    assert all(line == line.strip() and line for line in engine.abilities.missing().values())
