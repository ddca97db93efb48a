"""What a predictor reads, and what it leaves out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes.predictors.encoding import KEPT, encode, room, without_middle
from midcourse.errors import ContextError, UserError
from tests import tokenizers
from tests.toys import END, ToyTokenizer

ASKED = {"role": "user", "content": "Write the contact."}


def test_ids_are_those_that_the_answer_would_be_written_with() -> None:
    tokenizer = tokenizers.get("byte-level")
    found = encode(tokenizer, [ASKED, {"role": "assistant", "content": "Ada, 36."}], 512)
    assert found.ids[: found.start] == tuple(tokenizer.prompt([ASKED]))
    assert found.answer == (*tokenizer.encode("Ada, 36."), tokenizer.end_id)
    assert (found.length, found.prompt_cut, found.answer_cut) == (len(found.answer), 0, 0)


def test_the_middle_of_the_prompt_goes_first() -> None:
    asked = {"role": "user", "content": "".join(map(chr, range(40, 120))) * 3}
    tokenizer = ToyTokenizer()
    whole = encode(tokenizer, [asked, {"role": "assistant", "content": "yes"}], 512)
    cut = encode(tokenizer, [asked, {"role": "assistant", "content": "yes"}], 100)
    assert len(cut.ids) == 100
    assert cut.answer == whole.answer
    assert cut.prompt_cut == len(whole.ids) - 100
    half = cut.start // 2
    assert cut.ids[:half] == whole.ids[:half]
    assert cut.ids[half : cut.start] == whole.ids[whole.start - (cut.start - half) : whole.start]


def test_then_the_middle_of_the_answer_whose_end_stays() -> None:
    tokenizer = ToyTokenizer()
    said = {"role": "assistant", "content": "".join(map(chr, range(40, 120))) * 3}
    cut = encode(tokenizer, [{"role": "user", "content": "?" * 200}, said], 128)
    assert len(cut.ids) == 128
    assert cut.start == KEPT
    assert cut.ids[-1] == END
    assert cut.length == len(tokenizer.encode(said["content"])) + 1
    assert cut.answer_cut == cut.length - (128 - KEPT)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 400))
def test_what_stays_fits_and_nothing_goes_without_need(prompt: int, answer: int, most: int) -> None:
    try:
        kept_prompt, kept_answer = room(prompt, answer, most)
    except ContextError:
        assert most < min(prompt, KEPT) + 2
        return
    assert kept_prompt + kept_answer == min(most, prompt + answer)
    assert kept_prompt >= min(prompt, KEPT)
    assert kept_answer == answer or kept_prompt == min(prompt, KEPT)


@given(st.lists(st.integers(), max_size=40), st.integers(0, 50))
def test_both_ends_stay(ids: list[int], kept: int) -> None:
    found = without_middle(ids, kept)
    assert len(found) == min(kept, len(ids))
    first = len(found) // 2
    assert found[:first] == ids[:first]
    assert found[first:] == ids[len(ids) - len(found[first:]) :]


@pytest.mark.parametrize("conversation", [[ASKED], [{"role": "assistant", "content": "yes"}]])
def test_what_has_no_answer_to_rate(conversation: list[dict[str, str]]) -> None:
    with pytest.raises(UserError, match="ends with an assistant's answer"):
        encode(ToyTokenizer(), conversation, 512)


def test_no_room_at_all() -> None:
    with pytest.raises(ContextError, match="allow more tokens"):
        encode(ToyTokenizer(), [{"role": "user", "content": "?" * 99}, {"role": "assistant", "content": "yes"}], 16)
