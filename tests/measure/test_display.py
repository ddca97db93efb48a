"""Tokens as the report shows them."""

from midcourse.measure.display import tokens
from tests.measure.fakes import Bytes


def test_a_character_split_over_tokens_shows_where_it_is_complete() -> None:
    tok = Bytes()
    shown = tokens(tok, [*"é😊".encode()])
    assert shown.pieces == ["", "é", "", "", "", "😊"]
    assert shown.text == "é😊"
    assert shown.ids == [*"é😊".encode()]


def test_an_end_and_other_special_tokens_are_named() -> None:
    tok = Bytes()
    assert tokens(tok, [ord("a"), tok.end_id]).pieces == ["a", "⟨end⟩"]
    assert tokens(tok, [300]).pieces == ["⟨300⟩"]


def test_broken_bytes_are_shown_as_such() -> None:
    tok = Bytes()
    assert tokens(tok, ["😊".encode()[0], ord("a")]).text == "\ufffda"
    assert tokens(tok, [*"😊".encode()[:2]]).text == "\ufffd"
    assert tokens(tok, ["😊".encode()[0], tok.end_id]).text == "\ufffd⟨end⟩"
    assert tokens(tok, []).pieces == []


def test_a_character_that_begins_before_is_shown_whole() -> None:
    tok, bytes_ = Bytes(), [*"a😊".encode()]
    for cut in range(2, 5):
        assert tokens(tok, bytes_[cut:], bytes_[:cut]).text == "😊"
        assert tokens(tok, bytes_[:cut], goes_on=True).text == "a"
    assert tokens(tok, [ord("b")], bytes_[:3]).text == "\ufffdb"
