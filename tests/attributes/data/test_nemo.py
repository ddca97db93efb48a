import pytest

from midcourse.attributes.data import nemo
from midcourse.errors import InputErrors
from tests.attributes.data.files import HELPSTEER, OASST, rows, values, written


def _line(*turns, **more):
    said = [{"from": who, "value": value, "label": label} for who, value, label in turns]
    return {"system": "Be kind.", "mask": "User", "type": "VALUE_TO_TEXT", "conversations": said, **more}


ASKED = ("User", "Hi?", None)


def test_labels_are_values_and_the_system_prompt_is_kept(tmp_path):
    line = _line(ASKED, ("Assistant", "Hello.", "quality:4,toxicity:0"), ASKED, ("Assistant", "Yes.", None))
    (row,) = rows(written(tmp_path / "a.jsonl", line), OASST)
    assert [turn.role for turn in row.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert row.turns[0].content == "Be kind."
    assert [answer.turn.values for answer in row.answers] == [{"quality": 4, "toxicity": 0}, {}]


def test_minus_100_is_missing(tmp_path):
    line = _line(ASKED, ("Assistant", "Hello.", "quality:-100, toxicity:0"))
    assert values(*rows(written(tmp_path / "a.jsonl", line), OASST)) == {"toxicity": 0}


def test_nothing_is_learnt_from_the_masked_side(tmp_path):
    line = _line(ASKED, ("Assistant", "Hello.", "quality:4"), mask="Assistant")
    assert list(rows(written(tmp_path / "a.jsonl", line), OASST)[0].answers) == []


def test_names_of_the_sides(tmp_path):
    lines = [
        _line(("human", "a", None), ("gpt", "b", None), mask=None),
        _line(("Ann", "a", None), ("Bob", "b", None), mask="Ann"),
    ]
    for row in rows(written(tmp_path / "a.jsonl", *lines), OASST):
        assert [turn.role for turn in row.turns] == ["system", "user", "assistant"]
    with pytest.raises(InputErrors, match="neither"):
        rows(written(tmp_path / "b.jsonl", _line(("Ann", "a", None), ("Bob", "b", None), mask=None)), OASST)


def test_a_label_that_does_not_parse(tmp_path):
    with pytest.raises(InputErrors) as error:
        rows(
            written(tmp_path / "a.jsonl", _line(ASKED, ("Assistant", "x", "quality=4,toxicity:0,toxicity:1,humor:9"))),
            OASST,
        )
    assert {problem.field for problem in error.value.problems} == {
        "conversations[1].label",
        "conversations[1].label.humor",
    }
    assert len(error.value.problems) == 3


def test_written_and_read_it_is_the_same(tmp_path):
    lines = [
        _line(ASKED, ("Assistant", "Hello.", "quality:4,toxicity:0"), ASKED, ("Assistant", "Yes.", None)),
        _line(ASKED, ("Assistant", "Hello.", "humor:2"), system=""),
    ]
    found = rows(written(tmp_path / "a.jsonl", *lines), OASST)
    assert [nemo.dump(row, OASST) for row in found] == lines


def test_values_are_written_as_the_reference_does(tmp_path):
    """`round(4v)` of a label v from 0 to 1, and of it the text `name:level`, in order."""
    tree = {
        "message_tree_id": "t",
        "prompt": {
            "role": "prompter",
            "text": "Hi?",
            "replies": [
                {
                    "role": "assistant",
                    "text": "Hello.",
                    "labels": {"toxicity": {"value": 0.07}, "quality": {"value": 0.72}, "spam": {"value": 1}},
                }
            ],
        },
    }
    (row,) = rows(written(tmp_path / "a.jsonl", tree), OASST)
    said = nemo.dump(row, OASST)["conversations"]
    assert said[1]["label"] == f"quality:{round(4 * 0.72)},toxicity:{round(4 * 0.07)}" == "quality:3,toxicity:0"
    assert said[0]["label"] is None


def test_helpsteers_labels_are_the_references(tmp_path):
    line = {
        "prompt": "Hi?",
        "response": "Hello.",
        "helpfulness": 3,
        "correctness": 4,
        "coherence": 4,
        "complexity": 2,
        "verbosity": 1,
    }
    (row,) = rows(written(tmp_path / "a.jsonl", line))
    label = nemo.dump(row, HELPSTEER)["conversations"][1]["label"]
    assert label == "helpfulness:3,correctness:4,coherence:4,complexity:2,verbosity:1"
