"""Text as it goes out: whole characters, nothing after a stop sequence, and every token with its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midcourse.engine.contract import Step
from midcourse.models.tokenizer import HFTokenizer
from midcourse.serve.cut import Cut
from tests import tokenizers

TOKENIZER = HFTokenizer(tokenizers.build("byte-level"))
TEXTS = st.text(alphabet="ab c\né漢🌊", max_size=30)


def steps(text: str) -> list[Step]:
    """A token a byte."""
    found = []
    for byte in text.encode():
        [token] = [id for id in range(TOKENIZER.size) if TOKENIZER.token_bytes(id) == bytes([byte])][:1]
        found.append(Step(token, -1.0, ()))
    return found


def cut(text: str, stops: list[str]) -> tuple[list[str], list[Step], bool]:
    """What goes out at each token, all tokens that did, and whether it was stopped."""
    made = Cut(TOKENIZER, stops)
    texts, tokens = [], []
    for step in steps(text):
        out, its = made.feed(step)
        texts.append(out)
        tokens += its
        if made.stopped:
            return texts, tokens, True
    out, its = made.rest()
    return [*texts, out], [*tokens, *its], False


@given(TEXTS, st.lists(st.text(alphabet="ab c\né漢🌊", min_size=1, max_size=4), max_size=3))
def test_what_goes_out_is_the_text_before_the_first_stop(text: str, stops: list[str]) -> None:
    """The first is the one that is complete first, from its beginning on."""
    texts, tokens, stopped = cut(text, stops)
    ends = [text.index(stop) + len(stop) for stop in stops if stop in text]
    assert stopped is bool(ends)
    whole = "".join(texts)
    if not ends:
        assert whole == text
        assert tokens == steps(text)
        return
    said = text[: min(ends)]
    assert whole == said[: min(said.index(stop) for stop in stops if stop in said)]
    assert not any(stop in whole for stop in stops)
    assert tokens == steps(whole)


def test_nothing_is_held_back_without_need() -> None:
    assert cut("abc", ["cd"])[0] == ["a", "b", "", "c"]
    assert cut("é🌊", [])[0] == ["", "é", "", "", "", "🌊", ""]
    assert cut("aab", ["ab"])[0] == ["", "a", ""]


def test_half_a_character_is_said_to_be_one() -> None:
    made = Cut(TOKENIZER, [])
    for step in steps("🌊")[:3]:
        assert made.feed(step)[0] == ""
    assert made.rest()[0] == "\N{REPLACEMENT CHARACTER}"
