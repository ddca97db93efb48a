"""The demonstration's rows: short, divided by prompt, and such that a dial can be learned from them."""

from __future__ import annotations

import pytest

from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Schema
from midcourse.demo.attributes.data import (
    alike,
    beginnings,
    first_of_each,
    ladders,
    levelled,
    others,
    parts,
    short,
    unrated,
)
from midcourse.demo.attributes.settings import AttributesDemoSettings
from midcourse.models.tokenizer import HFTokenizer
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
    found = [row.last.ratings["verbosity"].value for row in levelled(rows, SCHEMA, "verbosity", edge=0.05)]
    assert found[0] == found[1] == 0  # the twentieth from below
    assert found[10] == pytest.approx(2)
    assert found[-1] == found[-2] == 4
    assert found[5] == pytest.approx(4 * 4 / 18)  # of 18 steps between the edges, the fourth
    assert levelled(unrated(rows), SCHEMA, "verbosity") == []
    assert levelled(rows[:1], SCHEMA, "verbosity")[0].last.ratings["verbosity"].value == 0  # no scale to be had


def _ladder(prompt: str, answer: str, *levels: float) -> list[Row]:
    """A row for each level: the answer itself at the first, its beginnings at the others."""
    row = _row(prompt, answer, levels[0])
    turns = [(row.turns[0], Turn("assistant", answer, {"verbosity": Rating(level)})) for level in levels]
    return [Row(each, row.id + (f"~{place}" if place else ""), row.group) for place, each in enumerate(turns)]


def test_ladders_are_answers_with_many_levels_and_one_row_of_each() -> None:
    rows = [
        *_ladder("first", "a", 4, 0, 2, 2.2),
        *_ladder("first", "b", 3, 1, 0),
        *_ladder("second", "c", 2, 0, 1),
        *_ladder("third", "d", 1),
    ]
    found = ladders(rows, SCHEMA, "verbosity", 2, 0)
    assert {row.turns[0].content for row in found} == {"first", "second"}  # before another answer of the first prompt
    assert len(found) == 6
    assert all(len({row.last.ratings["verbosity"].value for row in found if row.id.startswith(id)}) == 3 for id in "fs")
    assert len(ladders(rows, SCHEMA, "verbosity", 9, 0)) == 10  # all there are: of two at the same level, one


def test_what_a_cut_hardly_changes_is_said_of_whole_ladders_or_not_at_all() -> None:
    rows = [row for number in range(20) for row in _ladder(f"p{number}", "a", 4, 2, 0)]
    said = [_row(f"p{number}", "a", 1) for number in range(20)]
    for row in said:
        row.last.ratings["complexity"] = Rating(int(row.turns[0].content[1:]) % 5)  # type: ignore[index]
    found = alike(rows, said, "complexity", 0)
    assert [row.id for row in found] == [row.id for row in rows]
    values = [{row.last.values.get("complexity") for row in found[place : place + 3]} for place in range(0, 60, 3)]
    assert all(one in ({None}, {number % 5}) for number, one in enumerate(values))
    assert 5 < values.count({None}) < 15
    assert [row.last.values["verbosity"] for row in found[:3]] == [4, 2, 0]


def test_other_dials_learn_from_answers_that_are_on_no_ladder() -> None:
    rows = [*_ladder("first", "a", 4, 0), *(_row(f"p{number}", "b", number % 5) for number in range(6))]
    said = [_row(f"p{number}", "b", 1) for number in range(6)]
    said = [*_ladder("first", "a", 1), *said, _row("unrated by the teacher", "c", 1)]
    for row in said:
        row.last.ratings["complexity"] = Rating(3)  # type: ignore[index]
    found = others(rows, said, rows[:2], 4, 0)
    assert len(found) == 4
    for row in found:
        values = {name: one.value for name, one in row.last.ratings.items()}
        assert values == {"verbosity": int(row.turns[0].content[1:]) % 5, "complexity": 3}
    assert len(others(rows, said, rows[:2], 40, 0)) == 6


def test_one_of_each_prompt() -> None:
    found = first_of_each(_rows(6), 4, 0)
    assert len({row.group for row in found}) == 4
    assert found == first_of_each(list(_rows(6)), 4, 0)


def test_hidden_ratings_are_not_there() -> None:
    assert unrated(_rows(2))[0].last.ratings == {}
