"""Work sheets: the house rule, the rooms of the splits, and corrections of a word in a long answer."""

from __future__ import annotations

from itertools import combinations

import pytest
from benchmarks.effort.tasks.reader import Reader, follows
from benchmarks.effort.tasks.task import SPLITS
from benchmarks.effort.tasks.worksheet import CARPETS, EXAMPLE, ROOMS, STARTS, Sheet, Worksheet

from tests.effort.scripted import erring, steered

WORKSHEET = Worksheet()
SHEET = Sheet(11, (("study", "carpet"), ("lounge", "wood"), ("porch", "stone"), ("bar", "carpet")))
PROMPT = WORKSHEET.prompts("held-out", 0, 1)[0]._replace(facts=SHEET)
RIGHT = """\
Start at 11
1. study, carpet: vacuum from 11 to 12
2. lounge, wood: mop from 12 to 13
Lunch from 13 to 14
3. porch, stone: mop from 14 to 15
4. bar, carpet: vacuum from 15 to 16
Done at 16"""


def test_a_sheet_is_worked_out_line_by_line():
    assert SHEET.text == "Start at 11\n1. study, carpet\n2. lounge, wood\n3. porch, stone\n4. bar, carpet"
    assert WORKSHEET.reference(PROMPT) == RIGHT


def test_lunch_is_at_13_whenever_the_day_begins():
    for start in STARTS:
        lines = Sheet(start, tuple(("study", "wood") for _ in range(ROOMS))).lines
        assert lines.index("Lunch from 13 to 14") == 1 + 13 - start
        assert lines[-1] == f"Done at {start + ROOMS + 1}"


def test_the_example_does_not_show_the_house_rule():
    assert EXAMPLE.lines == (
        "Start at 14",
        "1. tent, wood: mop from 14 to 15",
        "2. barn, stone: mop from 15 to 16",
        "Done at 16",
    )


@pytest.mark.parametrize("answer", [RIGHT, RIGHT + "\n\n", RIGHT.replace("\n", "\n\n ")])
def test_right(answer: str):
    assert WORKSHEET.check(PROMPT, answer) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (RIGHT.replace("study, carpet: vacuum", "study, carpet: mop"), 6 / 7),
        (RIGHT.replace("Lunch from 13 to 14\n", ""), 6 / 7),
        (RIGHT.replace("15 to 16", "14 to 15").replace("at 16", "at 15"), 5 / 7),
        (RIGHT + "\nThank you.", 1.0),
        (RIGHT + "\n" + RIGHT, 1.0),
        ("Sure!", 0.0),
    ],
)
def test_wrong(answer: str, share: float):
    grade = WORKSHEET.check(PROMPT, answer)
    assert not grade.passed
    assert grade.share == pytest.approx(share)


def test_only_what_is_wrong_is_typed():
    script = erring(RIGHT, {"study, carpet:": " mop from", "to 13\n": "3. porch", "16\nDone at ": "15!!"})
    trace, answer, steers = steered(WORKSHEET, PROMPT, script)
    assert trace.finished
    assert answer == RIGHT
    assert [chosen for _, chosen in steers] == ["vacuum from", "Lunch from", "6"]
    assert steers[0][0].startswith("mop")


def test_an_early_end_and_a_late_one():
    wrong = erring(RIGHT + "!!", {})
    trace, answer, steers = steered(WORKSHEET, PROMPT, lambda now: "" if now.endswith("to 12") else wrong(now))
    assert answer == RIGHT
    assert [chosen for _, chosen in steers] == ["\n2. lounge,", ""]
    assert [steer.ends for steer in trace.steers] == [False, True]


def test_a_model_that_never_gets_it_is_given_up():
    limited = Reader(rule=follows(RIGHT, next_too=True), limit=96, max_steers=3)
    trace, answer, steers = steered(WORKSHEET, PROMPT, lambda _: "x", limited)
    assert not trace.finished
    assert len(steers) == 3
    assert answer == "Start at 11\n1. study,"


def test_splits_share_no_room_and_every_sheet_needs_the_rule():
    rooms = []
    for split in SPLITS:
        sheets = [p.facts for p in WORKSHEET.prompts(split, 0, 160) if isinstance(p.facts, Sheet)]
        assert len(set(sheets)) == 160
        rooms.append({room for sheet in sheets for room, _ in sheet.rooms})
        for sheet in sheets:
            assert len({room for room, _ in sheet.rooms}) == ROOMS
            assert CARPETS[0] <= sum(floor == "carpet" for _, floor in sheet.rooms) <= CARPETS[1]
            assert sum(line.startswith("Lunch") for line in sheet.lines) == 1
    assert not any(one & two for one, two in combinations(rooms, 2))
    assert not any(room in known for room, _ in EXAMPLE.rooms for known in rooms)
