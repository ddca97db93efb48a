import pytest

from midcourse.attributes.schema import Schema
from midcourse.errors import InputErrors
from tests.attributes.data.files import HELPSTEER, rows, values, written

ULTRAFEEDBACK = Schema.load("ultrafeedback")


def _line(*annotations, **more):
    completions = [
        {"model": f"m{n}", "custom_system_prompt": "Be brief.", "response": f"answer {n}", "annotations": one, **more}
        for n, one in enumerate(annotations)
    ]
    return {"source": "x", "instruction": "Why?", "completions": completions}


def test_each_answer_is_a_row_of_one_prompt(tmp_path):
    line = _line(
        {"helpfulness": {"Rating": "5", "Rationale": "…"}, "honesty": {"Rating": "N/A"}},
        {"helpfulness": {"Rating": 1}, "truthfulness": [{"Rating": "2"}, {"Rating": "4"}]},
    )
    first, second = rows(written(tmp_path / "a.jsonl", line), ULTRAFEEDBACK)
    assert values(first) == {"helpfulness": 5}
    assert values(second) == {"truthfulness": 3, "helpfulness": 1}
    assert first.last.ratings["helpfulness"].by == "gpt-4"
    assert first.group == second.group
    assert first.turns[0].role == "system"
    assert first.id != second.id


def test_on_another_scale(tmp_path):
    path = written(tmp_path / "a.jsonl", _line({"helpfulness": {"Rating": "4"}, "honesty": {"Rating": "5"}}))
    assert values(*rows(path, HELPSTEER, rename={"honesty": "correctness"})) == {"helpfulness": 3, "correctness": 4}


def test_a_rating_outside_the_scale(tmp_path):
    with pytest.raises(InputErrors, match="6 is not between 1 and 5"):
        rows(written(tmp_path / "a.jsonl", _line({"helpfulness": {"Rating": "6"}})), ULTRAFEEDBACK)
