"""A person's edits by text: what is chosen, what is rejected, and that nothing else changes."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.errors import SteerError
from midcourse.trace import edit
from midcourse.trace.text import to_bytes, to_text
from midcourse.trace.tree import Trace, problems
from tests import tokenizers
from tests.texts import texts, written

kinds = pytest.mark.parametrize("kind", tokenizers.EXACT)


def a_trace(tok, ids):
    trace = Trace("t", [], (0,), "m", tok.fingerprint, tok.end_ids)
    if ids:
        trace.grow(ids, "model")
    return trace


def sides(trace, tok, steer):
    chosen = to_text(tok, trace.run_ids(steer.chosen)) if steer.chosen else None
    return chosen, [to_text(tok, trace.run_ids(run)) for run in steer.rejected]


@kinds
@given(data=st.data(), typed=texts(), end=st.booleans())
def test_the_answer_is_what_was_typed_where_it_was_typed(kind, data, typed, end):
    tok = tokenizers.get(kind)
    trace = a_trace(tok, data.draw(written(tok).filter(lambda ids: "\ufffd" not in to_text(tok, ids))))
    before, was = to_bytes(tok, trace.answer(trace.head)), copy.deepcopy(trace)
    byte = data.draw(st.integers(0, len(before)))
    kept = before[:byte].decode(errors="ignore")
    try:
        steer = edit.steer_text(trace, tok, typed, byte=byte, end=end)
    except SteerError:
        assert trace == was
        assert not end, "ending the answer is always a correction"
        assert before[len(kept.encode()) :].startswith(typed.encode()), "it only repeats what is there"
        return
    assert problems(trace) == []
    assert to_bytes(tok, trace.answer(trace.head)).decode() == kept + typed
    assert steer.ends == end == (trace.answer(trace.head)[-1] in tok.end_ids)
    for run in steer.rejected:
        assert trace.answer(trace.end_of(run.span)) == was.answer(was.head)
    trace.undo()
    assert trace.answer(trace.head) == was.answer(was.head)


def test_only_the_difference_is_a_correction():
    tok = tokenizers.get("byte-level")
    spelled = [token for char in "name: Ada" for token in tok.encode(char)]
    trace = a_trace(tok, spelled)
    steer = edit.steer_text(trace, tok, "name = Ada", byte=0)
    assert trace.answer(trace.head)[:4] == spelled[:4]
    assert steer.start == 4
    assert sides(trace, tok, steer) == (" = Ada", [": Ada"])


def test_an_edit_inside_a_token_moves_both_sides():
    tok = tokenizers.get("byte-level")
    trace = a_trace(tok, tok.encode("the understanding"))
    steer = edit.steer_text(trace, tok, "er", byte=len(b"the und"), end=True)
    assert "erstood" not in to_text(tok, trace.answer(trace.head))
    assert sides(trace, tok, steer)[0].endswith("er")
    assert steer.ends


def test_rejected_goes_up_to_stop():
    tok = tokenizers.get("byte-level")
    first, rest = tok.encode(" world"), tok.encode(" and then")
    trace = a_trace(tok, [*tok.encode("hello"), *first, *rest])
    steer = edit.steer_text(trace, tok, " there", byte=5, rejected_stop=len(tok.encode("hello")) + len(first))
    assert sides(trace, tok, steer) == (" there", [" world"])


@kinds
def test_typing_at_the_head_rejects_nothing(kind):
    tok = tokenizers.get(kind)
    trace = a_trace(tok, tok.encode("hello "))
    steer = edit.steer_text(trace, tok, "the", byte=6)
    assert steer.rejected == ()
    assert to_text(tok, trace.answer(trace.head)) == "hello the"


def test_typing_after_half_a_character_drops_it_and_rejects_nothing():
    tok = tokenizers.get("metaspace-first")
    trace = a_trace(tok, tok.encode("ab🙂")[:-2])
    steer = edit.steer_text(trace, tok, "c", byte=len(to_bytes(tok, trace.answer(trace.head))))
    assert steer.rejected == ()
    assert to_text(tok, trace.answer(trace.head)) == "abc"


def test_an_insertion_in_the_middle_rejects_nothing():
    tok = tokenizers.get("byte-level")
    trace = a_trace(tok, tok.encode("hello world"))
    steer = edit.insert(trace, tok, " the", depth=len(tok.encode("hello")))
    assert steer.rejected == ()
    assert to_text(tok, trace.answer(trace.head)) == "hello the"
    assert edit.insert(trace, tok, " a").rejected == ()


def test_ending():
    tok = tokenizers.get("byte-level")
    trace = a_trace(tok, tok.encode("hello world"))
    steer = edit.end(trace, tok, byte=5)
    assert trace.run_ids(steer.chosen) == [tok.end_id]
    assert sides(trace, tok, steer)[1] == [" world"]
    with pytest.raises(SteerError, match="already ends here"):
        edit.end(trace, tok)
    at_head = a_trace(tok, tok.encode("hello"))
    assert edit.end(at_head, tok).rejected == ()


@kinds
def test_steering_away_the_models_own_end(kind):
    tok = tokenizers.get(kind)
    for place in ({"byte": 5}, {"depth": len(tok.encode("hello"))}):
        trace = a_trace(tok, [*tok.encode("hello"), tok.end_id])
        steer = edit.steer_text(trace, tok, " world", **place)
        assert not steer.ends
        assert trace.run_ids(steer.rejected[0])[-1] == tok.end_id
        assert to_text(tok, trace.answer(trace.head)) == "hello world"
        assert problems(trace) == []


def test_marking_begins_at_the_token_and_moves_nothing():
    tok = tokenizers.get("byte-level")
    trace = a_trace(tok, tok.encode("hello world"))
    head = trace.head
    steer = edit.mark(trace, tok, byte=10, reason="no", tags=["a"])
    assert (sides(trace, tok, steer), trace.head) == ((None, ["ld"]), head)
    assert (steer.reason, steer.tags) == ("no", ("a",))
    with pytest.raises(SteerError, match="nothing follows"):
        edit.mark(trace, tok, byte=11)


@pytest.mark.parametrize(
    ("typed", "place", "message"),
    [
        ("", {"byte": 0}, "nothing is chosen"),
        ("hel", {"byte": 0}, "only repeats"),
        ("a", {"byte": 99}, "there is no byte 99"),
        ("a", {"depth": 99}, "there is no depth 99"),
        ("a", {"byte": 0, "rejected_stop": 99}, "there is no depth 99"),
    ],
)
def test_what_makes_no_steer_is_refused_with_its_reason(typed, place, message):
    tok = tokenizers.get("byte-level")
    trace = a_trace(tok, tok.encode("hello"))
    was = copy.deepcopy(trace)
    with pytest.raises(SteerError, match=message):
        edit.steer_text(trace, tok, typed, **place)
    assert trace == was
