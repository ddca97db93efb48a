"""Which way does the model go? The verdict, case by case, and the writing in batches."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.measure.replay import BEYOND, Fork, forks, replay, way
from tests.measure.fakes import END, Bytes, Scripted, trace

TOK = Bytes()


def fork(chosen: str | None, *rejected: str, ends: bool = False) -> Fork:
    ids = None if chosen is None else [*chosen.encode(), *([END] if ends else [])]
    return Fork(0, 0, [300], ids, [[*side.encode()] for side in rejected])


@pytest.mark.parametrize(
    ("standing", "wrote", "expected"),
    [
        (fork("= 36", ": 36"), "= 36\nand on", "chosen"),
        (fork("= 36", ": 36"), ": 36", "rejected"),
        (fork("= 36", ": 36"), ": thirty-six", "rejected"),  # one token decides
        (fork("= 36", ": 36"), "= 63", "other"),  # right at first, then something else
        (fork("= 36", ": 36"), "-> 36", "other"),
        (fork("= 36", ": 36"), "", "other"),
        (fork("ab", "ac", "xy"), "ac", "rejected"),  # several rejected runs may share a beginning with the correction
        (fork("ab", "ac", "xy"), "ad", "other"),
        (fork("= 36"), "= 36", "chosen"),  # a pure insertion
        (fork("= 36"), ": 36", "other"),
        (fork(None, "I hope"), "I hope this helps", "rejected"),  # a mark
        (fork(None, "I hope"), "I see", "other"),
    ],
)
def test_the_way_that_is_taken(standing: Fork, wrote: str, expected: str) -> None:
    assert way(TOK, standing, [*wrote.encode()]) == expected


def test_an_end_has_to_be_an_end() -> None:
    standing = fork("```", "\n", ends=True)
    assert way(TOK, standing, [*b"```", END]) == "chosen"
    assert way(TOK, standing, [*b"```\n"]) == "other"
    assert way(TOK, fork("", "\n", ends=True), [END]) == "chosen"
    assert way(TOK, fork("", "\n", ends=True), [*b"\nI hope"]) == "rejected"


class Pairs(Bytes):
    """The same text may be cut in two ways: 310 is "ab" in one token."""

    def token_bytes(self, token: int) -> bytes:
        return b"ab" if token == 310 else super().token_bytes(token)


def test_the_same_text_in_other_tokens_is_no_mistake() -> None:
    assert way(Pairs(), fork("ab", "x"), [310]) == "chosen"
    assert way(Pairs(), fork("ab", "x", ends=True), [310, END]) == "chosen"
    assert way(Pairs(), fork("ab", "x", ends=True), [310, ord("c")]) == "other"


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_what_begins_with_the_correction_is_always_right(chosen: str, rejected: str, rest: str) -> None:
    assert way(TOK, fork(chosen, rejected), [*(chosen + rest).encode()]) == "chosen"


def test_every_steer_is_a_fork_with_its_context() -> None:
    held_out = [trace("q", ["name", (": A", ' = "A"'), "\nage", (": 3", " = 3")]), trace("p", [("x", "y")])]
    standing = forks(held_out, at_most=10, seed=0)
    assert [(f.trace, f.steer) for f in standing] == [(0, 0), (0, 1), (1, 0)]
    assert standing[1].context == [*held_out[0].prompt, *b'name = "A"\nage']
    assert standing[1].chosen == [*b" = 3"]
    assert standing[1].rejected == [[*b": 3"]]


def test_a_steer_that_is_set_aside_is_no_fork() -> None:
    one = trace("q", ["name", (": A", ' = "A"'), "\nage", (": 3", " = 3")])
    one.steers[0] = replace(one.steers[0], aside=True)
    assert [(f.trace, f.steer) for f in forks([one], at_most=10, seed=0)] == [(0, 1)]


def test_more_forks_than_wanted_are_drawn_with_the_seed() -> None:
    held_out = [trace(str(n), [("x", "y")]) for n in range(50)]
    drawn = [[f.trace for f in forks(held_out, 10, seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(drawn[0])
    assert len(drawn[0]) == 10


def test_first_forks_are_written_together_then_second_ones() -> None:
    held_out = [trace(prompt, ["name", (": A", " = A"), "!"]) for prompt in ("a long prompt", "q")]
    held_out.append(trace("medium", ["name", (": A", " = A"), "\nage", (": 3", " = 3")]))
    engine = Scripted({"a long prompt": "name = A, and on", "q": "name = B", "medium": "nothing"})
    wrote = replay(engine, forks(held_out, 10, 0))
    assert [bytes(t for t in ids if t < END).decode() for ids in wrote] == [" = A, an", " = B", "", ""]
    assert len(wrote[0]) == len(" = A") + BEYOND
    assert engine.calls == 2
