"""Cards: the right ones, the wrong ones, and the words of the three splits."""

from __future__ import annotations

import pytest
from benchmarks.effort.tasks.cards import Cards
from benchmarks.effort.tasks.task import SPLITS

from midcourse.demo.notes import Note

CARDS = Cards()
PROMPT = CARDS.prompts("held-out", 0, 1)[0]._replace(
    facts=Note("", "Ada", "King", "Bern", 36, "poet", "5550134", "")  # the text is not read
)
RIGHT = "[contact]\nname = King, Ada\ncity = Bern\nage = 36\njob = poet\nphone = 555 0134"


@pytest.mark.parametrize("answer", [RIGHT, RIGHT + "\n", "  " + RIGHT.replace("\n", "\n\n")])
def test_right(answer: str):
    assert CARDS.check(PROMPT, answer) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (RIGHT.replace("King, Ada", "Ada King"), 0.8),
        (RIGHT.replace("555 0134", "555-0134").replace("36", "37"), 0.6),
        (RIGHT + "\nnote = none", 1.0),
        ("Here it is:\n" + RIGHT, 1.0),
        (RIGHT.removeprefix("[contact]\n"), 1.0),
        (RIGHT.replace("city = Bern\nage = 36", "age = 36\ncity = Bern"), 1.0),  # the order is the house's
        ("I am sorry.", 0.0),
    ],
)
def test_wrong(answer: str, share: float):
    grade = CARDS.check(PROMPT, answer)
    assert not grade.passed
    assert grade.share == pytest.approx(share)


def test_splits_share_no_fact():
    notes = {
        split: [p.facts for seed in (0, 1) for p in CARDS.prompts(split, seed, 100) if isinstance(p.facts, Note)]
        for split in SPLITS
    }
    assert all(len(found) == 200 for found in notes.values())
    for field in ("first", "last", "city", "job", "template", "phone", "text"):
        train, dev, held_out = ({getattr(note, field) for note in notes[split]} for split in SPLITS)
        assert not train & dev, field
        assert not train & held_out, field
        assert not dev & held_out, field
