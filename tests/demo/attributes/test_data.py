"""The demonstration's rows: short, divided by prompt, and such that a dial can be learned from them."""

from __future__ import annotations

import pytest

from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Schema
from midcourse.demo.attributes.data import beginnings, even, first_of_each, levelled, parts, short, unrated
from midcourse.demo.attributes.settings import AttributesDemoSettings
from midcourse.tokenizer import HFTokenizer
from tests import tokenizers

TOK = HFTokenizer(tokenizers.build("byte-level"))
SCHEMA = Schema.load("helpsteer")
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


TALE = "One. " + "Two is a longer sentence than one. " * 4 + "Three ends it."


def test_beginnings_end_with_a_sentence_and_are_rated_by_nobody() -> None:
    row = _row("tell", TALE, 3)
    found = beginnings([row, _row("short", "Yes. No.", 0)], (0.02, 0.5, 0.99), least=60)
    assert [one.last.content for one in found] == ["One.", TALE[: len("One. ") + 2 * 35 - 1]]
    assert [one.id for one in found] == [f"{row.id}~0", f"{row.id}~1"]
    assert all(not one.last.ratings and one.group == row.group for one in found)


def test_values_are_moved_along_a_line_onto_the_whole_scale() -> None:
    rows = [_row(f"p{number}", "a", 1 + number / 10) for number in range(21)]  # 1 to 3
    found = [row.last.ratings["verbosity"].value for row in levelled(rows, SCHEMA)]
    assert found[0] == found[1] == 0  # the twentieth from below
    assert found[10] == pytest.approx(2)
    assert found[-1] == found[-2] == 4
    assert found[5] == pytest.approx(4 * 4 / 18)  # of 18 steps between the edges, the fourth
    assert levelled(unrated(rows), SCHEMA) == unrated(rows)


def test_no_level_has_more_than_so_many() -> None:
    rows = [_row(f"p{number}", "a", number % 5 if number < 20 else 4.3) for number in range(40)]
    found = even([*rows, *unrated([_row("unrated", "a", 0)])], SCHEMA, "verbosity", 4, 0)
    assert [sum(row.last.ratings["verbosity"].value == level for row in found) for level in range(4)] == [4] * 4
    assert len(found) == 20


def test_one_of_each_prompt() -> None:
    found = first_of_each(_rows(6), 4, 0)
    assert len({row.group for row in found}) == 4
    assert found == first_of_each(list(_rows(6)), 4, 0)


def test_hidden_ratings_are_not_there() -> None:
    assert unrated(_rows(2))[0].last.ratings == {}
