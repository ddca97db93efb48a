import pytest

from midcourse.attributes.data import Reading, read
from midcourse.attributes.rows import HUMAN
from midcourse.errors import ConfigError
from tests.attributes.data.files import HELPSTEER, flat, rows, values, written


def test_a_flat_row_is_a_question_and_a_rated_answer(tmp_path):
    (row,) = rows(written(tmp_path / "a.jsonl", flat(helpfulness=3, verbosity=0, source="web")))
    assert row.messages == [
        {"role": "user", "content": "What is a fjord?"},
        {"role": "assistant", "content": "An inlet."},
    ]
    assert values(row) == {"helpfulness": 3, "verbosity": 0}
    assert {rating.by for rating in row.last.ratings.values()} == {HUMAN}
    assert row.place == f"{tmp_path}/a.jsonl:1"
    assert row.id == "a.jsonl:1"


def test_what_is_missing_is_missing_and_zero_is_zero(tmp_path):
    found = rows(written(tmp_path / "a.jsonl", flat(), flat(verbosity=None), flat(verbosity=0)))
    assert [values(row) for row in found] == [{}, {}, {"verbosity": 0}]


def test_several_peoples_values_become_their_mean_and_how_sure_it_is(tmp_path):
    (row,) = rows(written(tmp_path / "a.jsonl", flat(helpfulness=[2, 4, 3], verbosity=[1])))
    assert values(row) == {"helpfulness": 3, "verbosity": 1}
    assert row.last.ratings["helpfulness"].deviation == pytest.approx(3**-0.5)  # deviation 1 of three
    assert row.last.ratings["verbosity"].deviation is None


def test_earlier_turns_in_a_prompt_are_context(tmp_path):
    prompt = "What is a fjord?\n<extra_id_1>Assistant\nAn inlet.\nOf the sea.\n<extra_id_1>User\nWhere?"
    (row,) = rows(written(tmp_path / "a.jsonl", flat(prompt, "In Norway.", verbosity=1)))
    assert [(turn.role, turn.content, turn.context) for turn in row.turns] == [
        ("user", "What is a fjord?", False),
        ("assistant", "An inlet.\nOf the sea.", True),
        ("user", "Where?", False),
        ("assistant", "In Norway.", False),
    ]
    assert [answer.number for answer in row.answers] == [3]


def test_other_names_in_the_file(tmp_path):
    path = written(tmp_path / "a.jsonl", flat(length=2, verbosity=1))
    assert values(*rows(path, rename={"length": "complexity"})) == {"complexity": 2, "verbosity": 1}


def test_a_name_that_nothing_is_rated_in_is_said(tmp_path):
    """What was meant by it would be lost; it is enough that one of several files has it."""
    one = written(tmp_path / "a.jsonl", flat(length=2, verbosity=1))
    with pytest.raises(ConfigError) as error:
        rows(one, rename={"lenght": "complexity"})
    assert str(error.value) == "--rename: no answer is rated in 'lenght', but in verbosity"
    two = written(tmp_path / "b.jsonl", flat("Where?", verbosity=1))
    assert len(list(read([one, two], HELPSTEER, Reading(rename={"length": "complexity"})))) == 2
