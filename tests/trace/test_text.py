"""Tokenizing in place, over every kind of tokenizer, with the texts that break them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from midcourse.errors import SteerError
from midcourse.trace.text import place, place_back, to_bytes, to_text
from tests import tokenizers
from tests.texts import texts, written

kinds = pytest.mark.parametrize("kind", tokenizers.EXACT)


def character_start(data: bytes, cut: int) -> int:
    """Where the character begins that `cut` is inside of: `cut` itself if the bytes before it are complete there."""
    for start in range(cut, max(cut - 4, -1), -1):
        if data[:start].decode(errors="replace") == data[:start].decode(errors="ignore"):
            return start
    return cut


@kinds
@given(text=texts())
def test_the_text_and_back_is_the_same_to_the_byte(kind, text):
    tok = tokenizers.get(kind)
    assert to_text(tok, tok.encode(text)) == text
    assert not tok.end_ids & set(tok.encode(text + "</s><|im_end|>"))


@kinds
@given(data=st.data(), before=texts(), text=texts())
def test_in_place_is_as_if_the_whole_had_been_tokenized(kind, data, before, text):
    """`keep` is the latest boundary that the tokenization of the whole text shares, and from there on both agree.

    Before it the model's tokens stay, which need not be those of the whole: two spaces before a word are one and one.
    """
    tok = tokenizers.get(kind)
    kept = tok.encode(before)
    raw = before.encode()
    cut = data.draw(st.integers(0, len(raw)))
    characters = raw[:cut].decode(errors="ignore")
    keep, ids = place(tok, kept, cut, text)
    ends = [0, *itertools.accumulate(len(tok.token_bytes(token)) for token in kept)]
    if not text and len(characters.encode()) in ends:
        assert (keep, ids) == (len(kept) - ends[::-1].index(len(characters.encode())), [])
        return
    whole = tok.encode(characters + text)
    whole_ends = [0, *itertools.accumulate(len(tok.token_bytes(token)) for token in whole)]
    starts = {len(characters[:n].encode()) for n in range(len(characters) + 1)}
    assert ends[keep] == max(end for end in ends if end in whole_ends and end in starts)
    assert ids == whole[whole_ends.index(ends[keep]) :]


@kinds
@given(data=st.data(), text=texts())
def test_bytes_are_exact_whatever_the_model_wrote(kind, data, text):
    """Any ids, canonical or not, text or not; any place, also inside of characters."""
    tok = tokenizers.get(kind)
    kept = data.draw(written(tok))
    raw = to_bytes(tok, kept)
    cut = data.draw(st.integers(0, len(raw)))
    try:
        raw.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    try:
        keep, ids = place(tok, kept, cut, text)
    except SteerError:
        assert not valid, "only bytes that are no text can be refused"
        return
    found = to_bytes(tok, kept[:keep] + ids)
    assert found.endswith(text.encode())
    left = found[: len(found) - len(text.encode())]
    assert left == raw[: len(left)]
    assert cut - 3 <= len(left) <= cut
    if valid:
        assert len(left) == len(raw[:cut].decode(errors="ignore").encode())
    assert place_back(tok, kept, len(raw) - cut, text) == (keep, ids)


@kinds
@given(data=st.data(), text=texts())
def test_the_floor_holds(kind, data, text):
    tok = tokenizers.get(kind)
    kept = tok.encode(data.draw(texts()))
    floor = data.draw(st.integers(0, len(kept)))
    lowest = len(to_bytes(tok, kept[:floor]))
    assume(lowest == len(to_bytes(tok, kept[:floor]).decode(errors="ignore").encode()))
    cut = data.draw(st.integers(lowest, len(to_bytes(tok, kept))))
    keep, ids = place(tok, kept, cut, text, floor=floor)
    assert keep >= floor
    start = len(to_bytes(tok, kept)[:cut].decode(errors="ignore").encode())
    assert to_bytes(tok, kept[:keep] + ids) == to_bytes(tok, kept)[:start] + text.encode()


@kinds
def test_an_unusual_choice_of_tokens_before_the_edit_stays(kind):
    tok = tokenizers.get(kind)
    spelled = [token for char in "the help" for token in tok.encode(char)] + tok.encode(" world")
    keep, ids = place(tok, spelled, len(b"the help world"), " a")
    assert keep == len(spelled)
    assert to_text(tok, ids) == " a"


def test_digits_move_the_fork_back():
    """Groups of three: after "12", "345" is no token of its own; "123" and "45" are."""
    tok = tokenizers.get("digits")
    kept = tok.encode("age 12")
    keep, ids = place(tok, kept, 6, "345")
    assert kept[:keep] + ids == tok.encode("age 12345")
    assert keep < len(kept)


@kinds
def test_a_space_joins_the_word_typed_after_it(kind):
    tok = tokenizers.get(kind)
    kept = tok.encode("hello ")
    keep, ids = place(tok, kept, 6, "the")
    assert kept[:keep] + ids == tok.encode("hello the")
    assert to_text(tok, kept[:keep]) == "hello"


def test_an_unfinished_character_is_dropped():
    tok = tokenizers.get("metaspace-first")
    kept = tok.encode("ab🙂")[:-2]
    assert to_bytes(tok, kept).startswith(b"ab\xf0")
    keep, ids = place(tok, kept, len(to_bytes(tok, kept)), "🙃")
    assert to_text(tok, kept[:keep] + ids) == "ab🙃"


def test_an_end_is_never_kept_and_other_special_tokens_are():
    tok = tokenizers.get("byte-level")
    special = tok.tokenizer.convert_tokens_to_ids("<|im_start|>")
    kept = [*tok.encode("hello"), special, *tok.encode("help"), tok.end_id]
    keep, ids = place(tok, kept, len(b"hellohelp"), "")
    assert (keep, ids) == (len(kept) - 1, [])
    keep, ids = place(tok, kept, len(b"hello"), "er")
    assert keep == kept.index(special) + 1
    keep, ids = place(tok, kept, len(b"hello") - 1, "p")
    assert to_text(tok, kept[:keep] + ids) == "hellp"


@pytest.mark.parametrize(("cut", "text"), [(-1, "a"), (6, "a"), (5, "\ud800")])
def test_what_cannot_be_placed_is_refused(cut, text):
    tok = tokenizers.get("byte-level")
    with pytest.raises(SteerError, match=r"there is no byte|not valid Unicode"):
        place(tok, tok.encode("hello"), cut, text)


def test_bytes_that_are_no_text_are_not_tokenized_again():
    tok = tokenizers.get("byte-level")
    stray = next(token for token in range(tok.size) if tok.token_bytes(token) == b"\x80")
    kept = [*tok.encode("a"), stray, *tok.encode("b")]
    assert place(tok, kept, 3, "c").keep >= 2
    assert place(tok, kept, 2, "c").keep == 2


def test_a_text_beyond_the_vocabulary_is_refused():
    tok = tokenizers.get("unigram-unk")
    with pytest.raises(SteerError, match=r"cannot express the character '🦄' \(U\+1F984\)"):
        place(tok, tok.encode("hello"), 5, " 🦄")
