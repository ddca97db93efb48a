"""How a model is asked for values, and what is read out of its reply."""

from __future__ import annotations

import pytest

from midcourse.attributes.predictors.question import line, question, read
from midcourse.attributes.schema import Attribute, Schema

SCHEMA = Schema(
    name="two",
    attributes=(
        Attribute(name="helpfulness", description="How useful it is.", low="of no use", high="just right"),
        Attribute(name="to_the_point", minimum=1, maximum=5, step=0.5),
    ),
)


def test_the_question_states_the_scales_and_quotes_the_conversation() -> None:
    asked, told = question(
        SCHEMA,
        [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "What is a fjord?"},
            {"role": "assistant", "content": "A drowned valley."},
        ],
    )
    assert "- helpfulness: from 0 to 4. How useful it is. 0 means of no use. 4 means just right." in asked["content"]
    assert "- to_the_point: from 1 to 5 in steps of 0.5." in asked["content"]
    assert asked["content"].endswith("helpfulness: <number>\nto_the_point: <number>")
    assert "[system]\nBe kind.\n\n[user]\nWhat is a fjord?\n</conversation>" in told["content"]
    assert "<answer>\nA drowned valley.\n</answer>" in told["content"]


@pytest.mark.parametrize(
    "reply",
    [
        "helpfulness: 3\nto_the_point: 4.5",
        '```json\n{"helpfulness": 3, "to_the_point": 4.5}\n```',
        "- **Helpfulness**: 3/4\n- **To the point**: 4.5/5",
        "helpfulness: 1? No.\n\nhelpfulness = 3\nto_the_point = 4.5",
        "<think>helpfulness: 0 perhaps, to_the_point: 1</think>\nhelpfulness: 3\nto_the_point: 4.5\n",
    ],
)
def test_replies_in_many_forms(reply: str) -> None:
    assert read(reply, SCHEMA) == {"helpfulness": 3.0, "to_the_point": 4.5}


@pytest.mark.parametrize(
    "reply", ["", "It is good.", "helpfulness: high", "helpfulness: 7", "unhelpfulness: 3", "<think>helpfulness: 3"]
)
def test_what_is_not_there_is_missing(reply: str) -> None:
    assert read(reply, SCHEMA) == {}


def test_a_line_is_read_back() -> None:
    assert read(line("to_the_point", 2.5) + line("helpfulness", 4), SCHEMA) == {"helpfulness": 4.0, "to_the_point": 2.5}
