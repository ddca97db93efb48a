"""The notes: two halves that share nothing, cards that are right by construction, a checker that is not lenient."""

from __future__ import annotations

import configparser
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.demo.notes import FIELDS, Split, check, draw
from midcourse.demo.words import HELD_OUT, TRAIN, Words
from midcourse.measure.check import Verdict

SPLITS: tuple[Split, ...] = ("train", "held_out")


@pytest.mark.parametrize("part", ["firsts", "lasts", "cities", "jobs", "templates"])
def test_the_halves_share_no_word_and_no_sentence(part: str) -> None:
    ours, theirs = getattr(TRAIN, part), getattr(HELD_OUT, part)
    assert len(set(ours)) == len(ours)
    assert len(set(theirs)) == len(theirs)
    assert not set(ours) & set(theirs)


@pytest.mark.parametrize("words", [TRAIN, HELD_OUT])
def test_every_template_tells_every_part_once(words: Words) -> None:
    for template in words.templates:
        parts = sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)
        assert parts == sorted(["first", "last", "city", "age", "job", "phone"])


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_drawn_halves_are_disjoint_in_all_that_they_say(seed: int) -> None:
    train, held_out = draw("train", 60, seed), draw("held_out", 40, seed)
    for part in ("text", "first", "last", "city", "job", "phone", "template"):
        assert not {getattr(n, part) for n in train} & {getattr(n, part) for n in held_out}
    assert {n.template for n in train} == set(TRAIN.templates)
    assert {n.template for n in held_out} == set(HELD_OUT.templates)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), split=st.sampled_from(SPLITS))
def test_a_card_is_an_ini_section_and_says_what_the_note_says(seed: int, split: Split) -> None:
    for note in draw(split, 25, seed):
        parser = configparser.ConfigParser()
        parser.read_string(note.reference)
        card = parser["contact"]
        assert tuple(card) == FIELDS
        assert card["name"] == f"{note.last}, {note.first}"
        assert (card["city"], card["age"], card["job"]) == (note.city, str(note.age), note.job)
        for said in (note.first, note.last, note.city, str(note.age), note.job, card["phone"].replace(" ", "-")):
            assert said in note.text
        assert check(note.reference, note.reference, note.messages) == Verdict(True, 1.0)


def test_several_hundred_notes_are_distinct_and_seeded() -> None:
    notes = draw("train", 800, 3)
    assert len({n.text for n in notes}) == 800
    assert len({(n.first, n.last) for n in notes}) == 800
    assert notes[:50] == draw("train", 800, 3)[:50]
    assert notes[:50] != draw("train", 800, 4)[:50]


@pytest.fixture
def card() -> str:
    return draw("held_out", 1, 0)[0].reference


def test_the_checker_wants_whole_lines(card: str) -> None:
    assert check(card, card, []) == Verdict(True, 1.0)
    assert check("", card, []) == Verdict(False, 0.0)
    assert check(card.replace("name = ", "name =  "), card, []) == Verdict(False, 0.8)
    assert check(card.replace(",", ""), card, []) == Verdict(False, 0.8)
    assert check(card.replace(" = ", ": "), card, []).fields == 0
    assert check("[contact]", card, []).fields == 0


def test_an_answer_passes_only_when_nothing_is_added(card: str) -> None:
    assert check(f"\n{card}\n", card, []) == Verdict(True, 1.0)
    assert check(f"Here you are:\n{card}", card, []) == Verdict(False, 1.0)
    assert check(f"{card}\nHope this helps!", card, []) == Verdict(False, 1.0)
    assert check("\n".join(card.splitlines()[:-1]), card, []) == Verdict(False, 0.8)
