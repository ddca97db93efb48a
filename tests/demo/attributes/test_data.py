"""The demonstration's rows: short, divided by prompt, and such that a dial can be learned from them."""

from __future__ import annotations

from dataclasses import replace

from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Schema
from midcourse.demo.attributes.data import anchored, beginnings, ends, first_of_each, parts, short, unrated
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


def test_both_ends_of_a_scale() -> None:
    rows = [_row(f"p{number}", "a", number % 5) for number in range(20)]
    found = [row.last.ratings["verbosity"].value for row in ends([*rows, *unrated(rows)], "verbosity", 9, 0)]
    assert sorted(found) == [0, 0, 0, 3, 3, 4, 4, 4, 4]
    assert len(ends(rows, "verbosity", 99, 0)) == 20


TALE = "One. " + "Two is a longer sentence than one. " * 4 + "Three ends it."


def test_beginnings_end_with_a_sentence_and_are_rated_by_nobody() -> None:
    row = _row("tell", TALE, 3)
    found = beginnings([row, _row("short", "Yes. No.", 0)], (0.02, 0.5, 0.99), least=60)
    assert [one.last.content for one in found] == ["One.", TALE[: len("One. ") + 2 * 35 - 1]]
    assert [one.id for one in found] == [f"{row.id}~0", f"{row.id}~1"]
    assert all(not one.last.ratings and one.group == row.group for one in found)


def test_a_beginning_is_rated_from_the_whole() -> None:
    """People spread over 0 and 4 (2 around the mean), the teacher over 1 and 2 (½): its differences count 4 times.

    Of the answer that people gave a 4 and the teacher a 2, the teacher gives a beginning 1.75: 4 + 4 · (1.75 − 2) = 3.
    """
    people = [_row("a", "whole", 0), _row("b", "whole", 4)]
    wholes = [_judged(people[0], 1), _judged(people[1], 2)]
    part = _judged(replace(people[1], id=f"{people[1].id}~0"), 1.75)
    (found,) = anchored([part], wholes, people, SCHEMA)
    assert found.last.ratings["verbosity"] == Rating(3.0, "teacher")
    (lowest,) = anchored([_judged(part, 0)], wholes, people, SCHEMA)
    assert lowest.last.ratings["verbosity"].value == 0


def _judged(row: Row, value: float) -> Row:
    return replace(row, turns=(*row.turns[:-1], replace(row.last, ratings={"verbosity": Rating(value, "teacher")})))


def test_one_of_each_prompt() -> None:
    found = first_of_each(_rows(6), 4, 0)
    assert len({row.group for row in found}) == 4
    assert found == first_of_each(list(_rows(6)), 4, 0)


def test_hidden_ratings_are_not_there() -> None:
    assert unrated(_rows(2))[0].last.ratings == {}
