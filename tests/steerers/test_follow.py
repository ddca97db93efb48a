from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.steerers.follow import Divergence, Follower
from midcourse.trace.text import to_bytes
from tests.toys import END, SPECIAL, ToyTokenizer

TOK = ToyTokenizer()


def follow(reference: str, answer: str, whitespace: str = "exact", *, end: bool = False) -> Follower:
    follower = Follower(reference, TOK, whitespace)  # type: ignore[arg-type]
    for token in [*TOK.encode(answer), *([END] if end else [])]:
        follower.read(token)
    return follower


def right(reference: str, answer: str, whitespace: str = "exact", *, end: bool = False) -> tuple[str, str]:
    """What of the answer stays, and what should follow."""
    wrong = follow(reference, answer, whitespace, end=end).divergence
    assert wrong is not None
    return answer.encode()[: wrong.byte].decode(), wrong.right


class TestExact:
    def test_on_track(self) -> None:
        follower = follow("name = 1", "name =")
        assert follower.divergence is None
        assert not follower.complete
        assert follower.left == 2

    def test_complete_and_ended(self) -> None:
        follower = follow("name = 1", "name = 1")
        assert follower.complete
        assert not follower.ended
        follower.read(END)
        assert follower.ended
        assert follower.divergence is None

    def test_the_first_wrong_token_and_the_byte_in_it(self) -> None:
        assert TOK.encode("name:") == [TOK.encode("name")[0], ord(":")]
        assert follow("na: 1", "name").divergence == Divergence(0, 2, ": 1")
        assert right("name = 1", "name: 1") == ("name", " = 1")

    def test_what_comes_after_is_only_counted(self) -> None:
        follower = follow("ab", "axyz")
        assert (follower.tokens, follower.divergence) == (4, Divergence(1, 1, "b"))

    def test_an_end_too_early(self) -> None:
        assert right("name = 1", "name", end=True) == ("name", " = 1")

    def test_running_on(self) -> None:
        assert right("x", "x!") == ("x", "")

    def test_running_on_within_a_token(self) -> None:
        assert right("x\n", "x\n\n") == ("x\n", "")

    def test_a_special_token_is_no_text(self) -> None:
        follower = Follower("ab", TOK)
        follower.read(ord("a"))
        follower.read(SPECIAL)
        assert follower.divergence == Divergence(1, 1, "b")

    def test_a_wrong_character_that_begins_alike(self) -> None:
        assert right("a🙂", "a🙃") == ("a", "🙂")
        assert right("é", "è") == ("", "é")

    def test_other_tokens_of_the_same_text_are_right(self) -> None:
        follower = Follower("abc", TOK)
        for token in b"abc":
            follower.read(token)
        assert follower.complete


class TestLenient:
    @pytest.mark.parametrize(
        ("reference", "answer"),
        [
            ("a = b", "a  =   b"),
            ("a\nb", "a \n\n b"),
            ("a\nb\n", "a\nb"),
            ("a", "\n a\n\n"),
            ("a\n\nb", "a\nb  "),
        ],
    )
    def test_blanks_pass_for_others(self, reference: str, answer: str) -> None:
        follower = follow(reference, answer, "lenient", end=True)
        assert follower.divergence is None
        assert follower.ended

    @pytest.mark.parametrize(
        ("reference", "answer", "kept", "wanted"),
        [
            ("a\nb", "a b", "a", "\nb"),
            ("a b", "a\nb", "a", " b"),
            ("a b", "ab", "a", " b"),
            ("ab", "a b", "a", "b"),
            ("a = b", "a  = c", "a  = ", "b"),
            ("a\nb", "a\n\nc", "a\n\n", "b"),
            ("a", "a\nb", "a", ""),
            ("a b", "a" + " " * 40, "a" + " " * 17, "b"),
        ],
    )
    def test_what_does_not(self, reference: str, answer: str, kept: str, wanted: str) -> None:
        assert right(reference, answer, "lenient") == (kept, wanted)

    def test_an_end_too_early_after_blanks(self) -> None:
        assert right("a b", "a  ", "lenient", end=True) == ("a  ", "b")
        assert right("a\nb", "a  ", "lenient", end=True) == ("a", "\nb")


@given(
    st.text(alphabet="ab \n=é🙂中文", max_size=12),
    st.lists(st.integers(0, TOK.size - 1) | st.sampled_from([*b"ab =", END]), max_size=12),
)
@settings(max_examples=300)
def test_right_text_is_always_right(reference: str, ids: list[int]) -> None:
    """The kept bytes and the right text make the reference; what was read before the divergence is its beginning."""
    follower = Follower(reference, TOK)
    for token in ids:
        follower.read(token)
    wrong = follower.divergence
    if wrong is None:
        assert reference.encode().startswith(to_bytes(TOK, ids))
        assert follower.complete == (reference.encode() == to_bytes(TOK, ids))
    else:
        kept = to_bytes(TOK, ids)[: wrong.byte]
        assert (kept + wrong.right.encode()).decode() == reference
        assert reference.encode().startswith(to_bytes(TOK, ids[: wrong.token]))
        assert wrong.byte <= len(to_bytes(TOK, ids[: wrong.token + 1]))


@given(st.text(alphabet="ab \n", max_size=10), st.text(alphabet="ab \n", max_size=10))
@settings(max_examples=300)
def test_lenient_leads_to_the_reference(reference: str, answer: str) -> None:
    """Kept and right text together are the reference, up to blanks; lenient forgives whatever exact does."""
    follower = follow(reference, answer, "lenient", end=True)
    if follow(reference, answer, end=True).ended:
        assert follower.ended
    wrong = follower.divergence
    mended = answer if wrong is None else answer.encode()[: wrong.byte].decode() + wrong.right
    assert mended.split() == reference.split()
    assert follow(reference, mended, "lenient", end=True).ended
