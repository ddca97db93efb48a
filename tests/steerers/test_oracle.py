from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.engine.sampling import Sampling
from midcourse.session import Session
from midcourse.steerers import Divergence, Oracle, effort, steer_answer
from midcourse.steerers.oracle import Cut, typed
from midcourse.trace import Trace, problems
from midcourse.trace.text import to_text
from tests.toys import END, ToyEngine, ToyTokenizer, copyist

TOK = ToyTokenizer()
ASK = [{"role": "user", "content": "go"}]
TEXT = "name = one\nage = two\n"


def steer(oracle: Oracle, mistakes: dict[str, str], tail: str = "", context_length: int = 4096) -> Trace:
    engine = ToyEngine(copyist(TEXT, mistakes, tail=tail), context_length)
    session = Session.start(ASK, engine, lambda _: None)
    trace = steer_answer(session, oracle)
    assert not problems(trace)
    assert not engine.open
    return trace


def sides(trace: Trace) -> list[tuple[str, str]]:
    """Chosen and rejected text of every steer; an end shows as a dot."""

    def show(ids: list[int]) -> str:
        return to_text(TOK, ids) + ("." if ids[-1] == END else "")

    return [
        (show(trace.run_ids(steer.chosen)), show(trace.run_ids(steer.rejected[0])))
        for steer in trace.steers
        if steer.chosen
    ]


def test_a_right_answer_needs_nothing() -> None:
    trace = steer(Oracle(reference=TEXT), {})
    assert trace.finished
    assert trace.steers == []
    assert to_text(TOK, trace.answer(trace.head)) == TEXT


def test_a_mistake_is_corrected_where_it_is() -> None:
    trace = steer(Oracle(reference=TEXT, run_on=4, max_typed=2, tags=("t",), reason="r"), {"name = ": "six"})
    assert sides(trace) == [("on", "six??")]
    assert trace.finished
    assert to_text(TOK, trace.answer(trace.head)) == TEXT
    made = trace.steers[0]
    assert (made.author, made.tags, made.reason) == ("oracle", ("t",), "r")
    assert {source for _, source in trace.trunk()} == {"model", "human"}
    assert effort(trace) == (1, 2)
    assert effort(trace, ["teacher"]) == (0, 0)


def test_every_mistake_has_its_steer() -> None:
    trace = steer(Oracle(reference=TEXT, run_on=1, max_typed=9), {"name = ": "six", "age = ": "ten"})
    assert sides(trace) == [("one\nage = ", "si"), ("wo\n", "en")] or len(trace.steers) == 2
    assert trace.finished


def test_running_on_is_ended() -> None:
    trace = steer(Oracle(reference=TEXT, run_on=3), {}, tail="Hope this helps!")
    assert sides(trace) == [(".", "Hope")]
    assert trace.steers[0].ends
    assert trace.finished
    assert effort(trace) == (1, 1)


def test_an_end_too_early_is_rejected() -> None:
    engine = ToyEngine(lambda ids, _: END if ids[-4:] == list(b"one\n") else copyist(TEXT, {})(ids, 0))
    trace = steer_answer(Session.start(ASK, engine, lambda _: None), Oracle(reference=TEXT, max_typed=3))
    assert sides(trace) == [("age", ".")]
    assert trace.finished
    assert to_text(TOK, trace.answer(trace.head)) == TEXT


def test_after_so_many_steers_it_gives_up_where_the_answer_was_right() -> None:
    trace = steer(Oracle(reference=TEXT, max_steers=1, max_typed=1), {"name = ": "six", "age = ": "ten"})
    assert len(trace.steers) == 1
    assert not trace.finished
    assert TEXT.startswith(to_text(TOK, trace.answer(trace.head)))
    assert to_text(TOK, trace.answer(trace.head)) == "name = one\nage = t"


def test_no_room() -> None:
    room = len(TOK.prompt(ASK))
    assert not steer(Oracle(reference=TEXT), {}, context_length=room + 4).finished
    assert not steer(Oracle(reference=TEXT, max_typed=30), {"": "six"}, context_length=room + 10).finished


def test_a_reference_for_the_conversation() -> None:
    engine = ToyEngine(copyist("go!", {}))
    oracle = Oracle(reference=lambda messages: f"{messages[-1]['content']}!")
    assert steer_answer(Session.start(ASK, engine, lambda _: None), oracle).finished


def test_an_answer_begun_before() -> None:
    engine = ToyEngine(copyist(TEXT, {"name = ": "six"}))
    session = Session.start(ASK, engine, lambda _: None)
    list(session.resume(max_tokens=6))
    trace = steer_answer(session, Oracle(reference=TEXT))
    assert trace.finished
    assert len(trace.steers) == 1
    session.unfinish()
    assert steer_answer(session, Oracle(reference=TEXT)).finished


@pytest.mark.parametrize(
    ("cut", "at_most", "expected"),
    [
        ("full", 6, "one tw"),
        ("words", 6, "one"),
        ("words", 7, "one two"),
        ("words", 2, "on"),
        ("line", 6, "one"),
        ("line", 10, "one two\n\n"),
        ("line", 30, "one two\n\n"),
        ("lines", 10, "one two\n\n"),
        ("lines", 13, "one two\n\n"),
        ("lines", 14, "one two\n\nthree\n"),
        ("lines", 99, "one two\n\nthree\nx"),
        ("full", 99, "one two\n\nthree\nx"),
    ],
)
def test_where_typing_ends(cut: Cut, at_most: int, expected: str) -> None:
    assert typed(TOK, [], Divergence(0, 0, "one two\n\nthree\nx"), at_most, cut) == expected


def test_typing_is_counted_in_place() -> None:
    """What stands before the mistake inside its token is in the correction, too, unless both sides share it."""
    assert typed(TOK, TOK.encode("name"), Divergence(0, 3, "xyz"), 3, "full") == "x"  # na, m, x
    assert typed(TOK, TOK.encode("naXe"), Divergence(1, 2, "mxyz"), 3, "full") == "mxy"


def test_at_least_one_character() -> None:
    assert typed(TOK, [], Divergence(0, 0, "🙃x"), 1, "full") == "🙃"


@given(
    st.text(alphabet="ab \n=é🙂中文", min_size=1, max_size=30),
    st.integers(0, 4),
    st.integers(1, 6),
    st.sampled_from(["full", "words", "line", "lines"]),
    st.sampled_from(["exact", "lenient"]),
    st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_a_wild_model_is_led_to_the_reference(
    reference: str, run_on: int, max_typed: int, cut: Cut, whitespace: str, seed: int
) -> None:
    """Whatever the model writes, an oracle without an upper limit ends with the reference, and its trace is sound."""
    oracle = Oracle(
        reference=reference,
        run_on=run_on,
        max_typed=max_typed,
        max_steers=1000,
        cut=cut,
        whitespace=whitespace,  # type: ignore[arg-type]
    )
    session = Session.start(ASK, ToyEngine(), lambda _: None, sampling=Sampling(temperature=1, seed=seed))
    trace = steer_answer(session, oracle)
    assert trace.finished
    assert not problems(trace)
    text = to_text(TOK, trace.answer(trace.head))
    if whitespace == "exact":
        assert text == reference
    assert text.split() == reference.split()
    assert trace.answer(trace.head)[-1] == END
    for made in trace.steers:
        assert made.rejected
        assert made.rejected[0].stop - made.rejected[0].start <= run_on + 1 + 4  # moved back at most a few tokens
