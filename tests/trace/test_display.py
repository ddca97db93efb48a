"""Tokens as a person sees them: characters that several tokens share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midcourse.trace.display import Display, behind
from midcourse.trace.text import to_text
from tests import tokenizers

TOK = tokenizers.get("byte-level")


def decode(ids: object) -> str:
    return to_text(TOK, ids)  # type: ignore[arg-type]


def test_a_character_that_two_texts_share_is_in_the_second() -> None:
    first, second = TOK.encode("to 🌍"), TOK.encode("to 🌎")
    cut = next(place for place, (one, two) in enumerate(zip(first, second, strict=True)) if one != two)
    assert to_text(TOK, first[:cut]) == "to \ufffd"
    assert behind(decode, first[:cut], first[cut:]) == ("to ", "🌍")
    assert behind(decode, first[:cut], second[cut:]) == ("to ", "🌎")
    assert behind(decode, first, ()) == ("to 🌍", "")
    assert behind(decode, (), first) == ("", "to 🌍")


def test_a_character_that_is_never_completed_stays_where_it_began() -> None:
    begun = TOK.encode("🌍")[:-1]
    assert behind(decode, begun, TOK.encode("correction")) == ("\ufffd", "correction")
    assert behind(decode, begun, ()) == ("\ufffd", "")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd"), max_size=12), st.integers(0, 60))
def test_both_together_are_the_text(text: str, cut: int) -> None:
    ids = TOK.encode(text)
    assert "".join(behind(decode, ids[:cut], ids[cut:])) == text
    display = Display(TOK)
    shown = "".join(display.next(token) for token in ids[:cut])
    assert text.startswith(shown)
    assert shown.rstrip("\ufffd") == behind(decode, ids[:cut], ids[cut:])[0]
