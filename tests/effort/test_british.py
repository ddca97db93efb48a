"""British: the words, the sentences of the splits, and corrections of single words."""

from __future__ import annotations

import pytest
from benchmarks.effort.tasks.british import FRAMES, NAMES, PLAIN, WORDS, British, Text
from benchmarks.effort.tasks.task import SPLITS

from tests.effort.scripted import erring, steered

BRITISH = British()
PROMPT = BRITISH.prompts("held-out", 0, 1)[0]._replace(
    facts=Text("I saw the truck. The sweater is red. We go.", "I saw the lorry. The jumper is red. We go.")
)
RIGHT = "I saw the lorry. The jumper is red. We go."


@pytest.mark.parametrize("answer", [RIGHT, RIGHT + "\n", RIGHT.replace(". ", ".\n\n")])
def test_right(answer: str):
    assert BRITISH.check(PROMPT, answer) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (RIGHT.replace("lorry", "truck"), 2 / 3),
        (RIGHT.replace("jumper is red", "sweater was red").replace("lorry", "car"), 1 / 3),
        (RIGHT + " Bye.", 1.0),
        ("Here it is: " + RIGHT, 2 / 3),
        ("", 0.0),
    ],
)
def test_wrong(answer: str, share: float):
    grade = BRITISH.check(PROMPT, answer)
    assert not grade.passed
    assert grade.share == pytest.approx(share)


def test_only_the_wrong_word_is_typed():
    script = erring(RIGHT, {"saw the": " truck.", "The": " sweater is"})
    trace, answer, steers = steered(BRITISH, PROMPT, script)
    assert trace.finished
    assert answer == RIGHT
    assert [chosen.strip() for _, chosen in steers] == ["lorry.", "jumper"]


def test_every_word_appears_in_every_split():
    for split in SPLITS:
        texts = " ".join(p.messages[-1]["content"] for p in BRITISH.prompts(split, 0, 15))
        assert all(f" {word}" in texts for word in WORDS)


def test_splits_share_no_sentence_and_no_name():
    for table in (FRAMES, PLAIN, {split: NAMES[split].split() for split in SPLITS}):
        train, dev, held_out = (set(table[split]) for split in SPLITS)
        assert not train & dev
        assert not train & held_out
        assert not dev & held_out
