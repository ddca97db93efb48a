"""The notes: two halves that share nothing, cards that are right by construction, a checker that is not lenient."""

from __future__ import annotations

import string
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.demo.notes import FIELDS, Note, Split, draw
from midcourse.demo.words import HELD_OUT, TRAIN, Words

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
def test_a_card_is_toml_and_says_what_the_note_says(seed: int, split: Split) -> None:
    for note in draw(split, 25, seed):
        card = tomllib.loads(note.reference)["contact"]
        assert tuple(card) == FIELDS
        assert card["name"] == f"{note.last}, {note.first}"
        assert (card["city"], card["age"], card["job"]) == (note.city, note.age, note.job)
        for said in (note.first, note.last, note.city, str(note.age), note.job, card["phone"].replace(" ", "-")):
            assert said in note.text
        assert note.check(note.reference) == (5, 5, True)


def test_several_hundred_notes_are_distinct_and_seeded() -> None:
    notes = draw("train", 800, 3)
    assert len({n.text for n in notes}) == 800
    assert len({(n.first, n.last) for n in notes}) == 800
    assert notes[:50] == draw("train", 800, 3)[:50]
    assert notes[:50] != draw("train", 800, 4)[:50]


@pytest.fixture
def note() -> Note:
    return draw("held_out", 1, 0)[0]


def test_the_checker_wants_whole_lines(note: Note) -> None:
    assert note.check("") == (0, 5, False)
    assert note.check(note.reference.replace('"', "'")).right == 1  # the age has no quotes
    assert note.check(note.reference.replace(" = ", ": ")).right == 0
    assert note.check(note.text).right == 0


def test_the_card_is_exact_only_when_nothing_is_added(note: Note) -> None:
    assert note.check(f"\n{note.reference}\n") == (5, 5, True)
    assert note.check(f"Here you are:\n{note.reference}") == (5, 5, False)
    assert note.check(f"{note.reference}\nHope this helps!") == (5, 5, False)
    assert note.check("\n".join(note.reference.splitlines()[:-1])) == (4, 5, False)
