"""Tips: three, one sentence each, the last line, and nothing after it."""

from __future__ import annotations

import pytest
from benchmarks.effort.tasks.task import SPLITS
from benchmarks.effort.tasks.tips import CLOSING, Tips, Topic, read
from benchmarks.effort.tasks.tips_words import ADVICE, THINGS

from tests.effort.scripted import erring, steered

TIPS = Tips()
OWN = ("Eat.", "Drink.", "Sleep.")
PROMPT = TIPS.prompts("held-out", 0, 1)[0]._replace(facts=Topic("being well", OWN))
RIGHT = f"1. Wash it.\n\n2. Dry it.\n\n3. Keep it.\n\n{CLOSING}"


@pytest.mark.parametrize(
    "answer",
    [
        RIGHT,
        RIGHT.replace("\n\n", "\n") + "\n",
        RIGHT.replace("Wash it.", "**Wash**: with water, at 1.5 bar"),
        RIGHT.replace("Dry it.", "**Dry it.**"),
        RIGHT.replace("Dry it.", "Wash it."),
    ],
)
def test_right(answer: str):
    assert TIPS.check(PROMPT, answer) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ("Here are three tips:\n" + RIGHT, 0),
        (RIGHT.replace("Wash it.", "Wash it. It helps."), 1),
        (RIGHT.replace("Wash it.", "**Washing**:\n\n* Use water."), 0),
        (RIGHT.replace("Dry it.", "so " * 45 + "on."), 1),
        (RIGHT.replace("Dry it.", "1" * 400), 1),
        (RIGHT.replace("Dry it.", ""), 1),
        (RIGHT.replace(CLOSING, "4. Go on."), 3),
        (RIGHT.replace(f"\n\n{CLOSING}", ""), 3),
        (RIGHT + " Bye.", 4),
        (RIGHT + f"\n\n{CLOSING}", 4),
        (RIGHT.replace("3. Keep it.\n\n", ""), 2),
        ("", 0),
    ],
)
def test_wrong(answer: str, parts: int):
    grade = TIPS.check(PROMPT, answer)
    assert not grade.passed
    assert grade.share == parts / 4
    assert len(grade.faults) == 1


def test_a_fault_stays_while_the_text_grows():
    for text in [
        RIGHT.replace("Dry it.", "Dry it. It helps.") + " Bye.",
        "Here you are:\n\n" + RIGHT,
        RIGHT + "\n\nBye.",
        RIGHT.replace("Dry it.", ""),
    ]:
        first = None
        for stop in range(len(text) + 1):
            now = read(text[:stop], False, OWN).fault
            assert first is None or now == first
            first = now
        assert first is not None


def test_only_what_breaks_the_rule_is_typed():
    more = {"Wash it.": " That helps.", "Dry it.": " It does.", "Keep it.": " Well.\n\n4. Sell it."}
    trace, answer, steers = steered(TIPS, PROMPT, erring(RIGHT, more))
    assert trace.finished
    assert answer == RIGHT
    assert [chosen for _, chosen in steers] == ["\n\n2.", "\n\n3.", f"\n\n{CLOSING}"]
    assert [steer.ends for steer in trace.steers] == [False, False, True]


def test_a_heading_gets_its_tip_from_the_person():
    trace, answer, steers = steered(TIPS, PROMPT, erring(RIGHT, {"2.": " **Drying**:\n"}))
    assert trace.steers[0].reason == "a heading without a tip"
    assert steers[0][1].strip() == OWN[1]
    assert not trace.finished or TIPS.check(PROMPT, answer).passed


@pytest.mark.parametrize("said", ["Hello there. ", "1", "\n", "1.", "1. So it goes: "])
def test_whatever_a_model_says_the_answer_comes_out_right_or_is_given_up(said: str):
    trace, answer, steers = steered(TIPS, PROMPT, lambda _: said)
    assert len(steers) <= 12
    assert not trace.finished or TIPS.check(PROMPT, answer).passed


def test_splits_share_no_thing_and_no_action():
    for table in (ADVICE, {split: THINGS[split].split() for split in SPLITS}):
        train, dev, held_out = (set(table[split]) for split in SPLITS)
        assert not train & dev
        assert not train & held_out
        assert not dev & held_out
