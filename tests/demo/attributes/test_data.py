"""The demonstration's rows: short, divided by prompt, and such that a dial can be learned from them."""

from __future__ import annotations

from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.demo.attributes.data import contrasting, first_of_each, parts, short, unrated
from midcourse.demo.attributes.settings import AttributesDemoSettings
from midcourse.tokenizer import HFTokenizer
from tests import tokenizers

TOK = HFTokenizer(tokenizers.build("byte-level"))
SETTINGS = AttributesDemoSettings(max_prompt=16, max_answer=24)


def _row(prompt: str, answer: str, value: float) -> Row:
    turns = (Turn("user", prompt), Turn("assistant", answer, {"verbosity": Rating(value)}))
    return Row(turns, f"{prompt}/{answer}", group_of(turns))


def _rows(prompts: int) -> list[Row]:
    return [_row(f"prompt {number // 2}", f"answer {number}", number % 5) for number in range(2 * prompts)]


def test_no_prompt_is_in_two_parts_and_long_answers_in_none() -> None:
    found = parts([*_rows(20), _row("prompt 3", "a" * 200, 4)], TOK, SETTINGS)
    groups = [{row.group for row in rows} for rows in (found.rated, found.hidden, found.held_out)]
    assert all(not one & other for number, one in enumerate(groups) for other in groups[:number])
    assert sum(len(rows) for rows in (found.rated, found.hidden, found.held_out)) == 40
    assert found.long == 1
    assert all(groups)


def test_a_long_prompt_loses_its_middle_and_keeps_its_answer() -> None:
    row = _row("first " + "word " * 80 + "last?", "fine", 1)
    brief = short(row, TOK, 16)
    assert brief.turns[0].content.startswith("first")
    assert brief.turns[0].content.endswith("last?")
    assert len(TOK.encode(brief.turns[0].content)) <= 16
    assert brief.last == row.last
    assert brief.group == row.group  # it stays where its prompt is
    same = _row("hi", "fine", 1)
    assert short(same, TOK, 16) is same


def test_prompts_whose_answers_differ_come_first() -> None:
    alike = [_row("alike", "a", 0), _row("alike", "b", 0)]
    differing = [_row("differing", "a", 0), _row("differing", "b", 3)]
    nobody = unrated([_row("nobody", "a", 0)])
    assert contrasting([*alike, *nobody, *differing], "verbosity", 1, 0) == differing
    assert contrasting([*alike, *nobody, *differing], "verbosity", 99, 0) == [*alike, *differing]


def test_one_of_each_prompt() -> None:
    found = first_of_each(_rows(6), 4, 0)
    assert len({row.group for row in found}) == 4
    assert found == first_of_each(list(_rows(6)), 4, 0)


def test_hidden_ratings_are_not_there() -> None:
    assert unrated(_rows(2))[0].last.ratings == {}
