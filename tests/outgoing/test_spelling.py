"""Ids as text that a peer's tokenizer makes the same ids of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.outgoing import axolotl, swift, trl
from midcourse.outgoing.spelling import Spelling
from midcourse.outgoing.tally import Tally
from midcourse.trace import Trace
from midcourse.trace.text import to_bytes
from tests.outgoing import samples
from tests.tokenizers import EXACT, get
from tests.traces import traces


@pytest.mark.parametrize("kind", EXACT)
@settings(max_examples=15)
@given(data=st.data())
def test_pieces_give_the_ids_back(kind: str, data: st.DataObject) -> None:
    tok = get(kind)
    spell = Spelling(tok)
    trace: Trace = data.draw(traces(tok))
    ids = [*trace.prompt, *trace.answer(trace.head)]
    pieces = spell.pieces(ids)
    if pieces is None:  # only where a token is no text, or is read as something else
        return
    assert [token for piece in pieces for token in spell.alone(piece)] == ids


def test_an_unusual_split_is_cut_where_it_has_to_be() -> None:
    tok = get("digits")
    spell = Spelling(tok)
    ids = [*tok.encode("he"), *tok.encode("llo"), *tok.encode(" there\n"), tok.end_id]
    pieces = spell.pieces(ids)
    assert pieces is not None
    assert [token for piece in pieces for token in spell.alone(piece)] == ids
    assert "".join(pieces) == "hello there\n<|im_end|>"


def test_a_tokenizer_that_begins_with_a_space_cannot_begin_inside_a_word() -> None:
    tok = get("byte-level")
    spell = Spelling(tok)
    assert spell.alone("he") == tok.encode(" he")
    assert spell.pieces(tok.encode("he")) is None
    assert spell.pieces([*tok.encode(" he"), tok.end_id]) == [" he<|im_end|>"]


def test_half_a_character_is_no_text() -> None:
    tok = samples.tok()
    trace = samples.unfinished(tok)
    assert to_bytes(tok, trace.spans[0].ids).startswith(b"oh \xf0")
    assert Spelling(tok).pieces(trace.spans[0].ids) is None
    assert Spelling(tok).text(trace.spans[0].ids) == "oh �"


def test_what_the_tokenizer_adds_is_left_to_it() -> None:
    """TRL and ms-swift let it begin the text; Axolotl and LLaMA-Factory do not."""
    tok = samples.beginning(get("digits"), "<s>")
    spell = Spelling(tok)
    ids = [tok.tokenizer.bos_token_id, *tok.encode("he said")]
    assert spell.text(ids) == spell.exact(ids) == "<s>he said"
    assert spell.begun(ids) == "he said"
    assert spell.whole(spell.begun(ids)) == ids
    for trace in samples.traces(tok):
        assert trace.prompt[0] == ids[0]
        assert next(iter(swift.sft(trace, spell, Tally())))["messages"][0]["content"].startswith("<|im_start|>")
        for row in trl.preference(trace, spell, Tally()):
            assert row["prompt"].startswith("<|im_start|>")
            assert row["prompt_ids"][0] == ids[0]
        for row in axolotl.segments(trace, spell, Tally()):
            assert row["segments"][0]["text"].startswith("<s><|im_start|>")
