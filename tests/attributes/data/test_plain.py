import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.attributes import prompts
from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.data import plain, read
from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.errors import InputErrors
from tests.attributes.data.files import HELPSTEER, rows, values, written

ASKED = {"role": "user", "content": "What is a fjord?"}


def _answer(**more):
    return {"role": "assistant", "content": "An inlet.", **more}


def test_every_answer_has_its_own_attributes(tmp_path):
    first, second = _answer(attributes={"verbosity": 0}), _answer(attributes={"verbosity": 3, "helpfulness": None})
    (row,) = rows(written(tmp_path / "a.jsonl", {"messages": [ASKED, first, ASKED, second]}))
    assert [(answer.number, answer.turn.values) for answer in row.answers] == [
        (1, {"verbosity": 0}),
        (3, {"verbosity": 3}),
    ]
    assert len(list(row.answers)[1].before) == 3


def test_a_file_of_prompts_is_read_where_answers_are_still_to_be_written(tmp_path):
    """The same file that `attributes generate` reads, with what each line asks for."""
    lines = (
        {"prompt": "What is a fjord?"},
        {"prompt": "And a geyser?", "id": "g", "attributes": {"verbosity": 1}},
        {"messages": [{"role": "system", "content": "Be kind."}, ASKED], "attributes": {"helpfulness": 4}},
    )
    path = written(tmp_path / "a.jsonl", *lines)
    found = rows(path, unanswered=True)
    assert [[turn.message for turn in row.turns] for row in found] == [
        one.request.messages for one in prompts.read(path, Conditioning(attributes=HELPSTEER), {})
    ]
    assert [row.turns[-1].values for row in found] == [{}, {"verbosity": 1}, {"helpfulness": 4}]
    assert found[1].id == "g"
    assert not [answer for row in found for answer in row.answers]
    with pytest.raises(InputErrors, match="prompt: there is no answer in it"):
        rows(path)
    with pytest.raises(InputErrors, match=r"attributes.verbosity: 9 is not between 0 and 4"):
        rows(written(tmp_path / "b.jsonl", {"prompt": "?", "attributes": {"verbosity": 9}}), unanswered=True)
    with pytest.raises(InputErrors, match=r"prompt: should be a text"):
        rows(written(tmp_path / "c.jsonl", lines[0], {"prompt": 3}), unanswered=True)


def test_what_is_asked_of_an_answer_is_written_as_it_is_read(tmp_path):
    path = written(tmp_path / "a.jsonl", {"prompt": "?", "attributes": {"verbosity": 1}})
    (row,) = rows(path, unanswered=True)
    (again,) = rows(written(tmp_path / "b.jsonl", plain.dump(row)), unanswered=True)
    assert again.turns == row.turns


def test_a_column_that_is_empty_is_not_there(tmp_path):
    line = {"messages": [ASKED], "predicted": None, "predicted_by": None, "predicted_deviation": None}
    assert rows(written(tmp_path / "a.jsonl", line), unanswered=True)[0].last.ratings == {}


def test_each_of_several_values_is_on_the_scale(tmp_path):
    for value, why in (
        ([-40, 44], "-40 is not between 0 and 4"),
        ({"value": 3, "deviation": -2}, "-2 is below 0"),
        (10**400, "should be a finite number"),
    ):
        with pytest.raises(InputErrors, match=why):
            rows(written(tmp_path / "a.jsonl", {"messages": [ASKED, _answer(attributes={"verbosity": value})]}))


def test_values_say_who_gave_them_and_how_sure_they_are(tmp_path):
    given = {"verbosity": {"value": 1.5, "by": "judge", "deviation": 0.4}, "helpfulness": 4}
    (row,) = rows(written(tmp_path / "a.jsonl", {"messages": [ASKED, _answer(attributes=given)]}))
    assert row.last.ratings == {"helpfulness": Rating(4.0), "verbosity": Rating(1.5, "judge", 0.4)}


def test_attributes_beside_the_messages_are_the_last_answers(tmp_path):
    line = {"messages": [ASKED, _answer(attributes={"verbosity": 1})], "attributes": {"helpfulness": 4, "verbosity": 1}}
    assert values(*rows(written(tmp_path / "a.jsonl", line))) == {"helpfulness": 4, "verbosity": 1}
    line["attributes"]["verbosity"] = 2
    with pytest.raises(InputErrors, match="another value than the last message"):
        rows(written(tmp_path / "a.jsonl", line))


@pytest.mark.parametrize(
    ("way", "found"),
    [("fill", (4.0, "human", 2.5, "p")), ("ignore", (4.0, "human", None, None)), ("replace", (1.0, "p", 2.5, "p"))],
)
def test_what_a_predictor_wrote_fills_in_what_people_have_not_said(tmp_path, way, found):
    line = {
        "messages": [ASKED, _answer(attributes={"helpfulness": 4})],
        "predicted": {"helpfulness": 1, "verbosity": 2.5, "other": 9},
        "predicted_deviation": {"verbosity": 0.5},
        "predicted_by": "p",
    }
    (row,) = rows(written(tmp_path / "a.jsonl", line), predicted=way)
    helpful, verbose = row.last.ratings["helpfulness"], row.last.ratings.get("verbosity")
    assert (helpful.value, helpful.by) == found[:2]
    assert (verbose and verbose.value, verbose and verbose.by) == found[2:]
    assert verbose is None or verbose.deviation == 0.5


def test_predictions_of_each_turn_and_beyond_an_end(tmp_path):
    line = {"messages": [ASKED, _answer(predicted={"verbosity": 4.7}), ASKED, _answer(predicted={"verbosity": -0.2})]}
    (row,) = rows(written(tmp_path / "a.jsonl", line))
    assert [answer.turn.values for answer in row.answers] == [{"verbosity": 4}, {"verbosity": 0}]


def test_what_is_only_context_is_no_answer(tmp_path):
    line = {"messages": [ASKED, _answer(context=True), ASKED, _answer()]}
    assert [one.number for one in rows(written(tmp_path / "a.jsonl", line))[0].answers] == [3]


def test_everything_that_is_wrong_is_told_with_its_place(tmp_path):
    path = written(
        tmp_path / "a.jsonl",
        {"messages": [{"role": "robot", "content": 3}, _answer(attributes={"verbositi": 1, "helpfulness": 7})]},
        "{oops",
        {"messages": [ASKED, _answer(atributes={"verbosity": 1})]},
        {"messages": [ASKED]},
        [1],
        {"messages": [ASKED, _answer(attributes={"verbosity": True})], "weight": -1},
        {"messages": [ASKED, {"role": "system", "content": "x"}, _answer()]},
    )
    with pytest.raises(InputErrors) as error:
        read(path, HELPSTEER)
    found = [(problem.line, problem.field) for problem in error.value.problems]
    assert found == [
        (1, "messages[0].role"),
        (1, "messages[0].content"),
        (1, "messages[1].attributes.verbositi"),
        (1, "messages[1].attributes.helpfulness"),
        (2, None),
        (3, "messages[1].atributes"),
        (4, "messages"),
        (5, None),
        (6, "messages[1].attributes.verbosity"),
        (6, "weight"),
        (7, "messages[1]"),
    ]
    assert "did you mean 'verbosity'?" in str(error.value)


def test_the_good_lines_can_be_kept(tmp_path):
    path = written(tmp_path / "a.jsonl", {"messages": [ASKED, _answer()]}, "{oops")
    told = []
    assert len(list(read(path, HELPSTEER, skip_invalid=True, tell=told.append))) == 1
    assert len(told) == 1
    assert "a.jsonl:2" in told[0]


def test_attributes_that_the_schema_does_not_have_can_be_left_out(tmp_path):
    path = written(tmp_path / "a.jsonl", {"messages": [ASKED, _answer(attributes={"warmth": 99, "verbosity": 1})]})
    assert values(*rows(path, only=True)) == {"verbosity": 1}


def test_an_id_stands_once_in_a_file(tmp_path):
    one = {"id": "x", "messages": [ASKED, _answer()]}
    with pytest.raises(InputErrors, match="line 1 already"):
        rows(written(tmp_path / "a.jsonl", one, one))


def test_of_two_rows_with_one_id_the_first_can_be_kept(tmp_path):
    one, other = {"id": "x", "messages": [ASKED, _answer()]}, {"id": "x", "messages": [ASKED, ASKED, _answer()]}
    path = written(tmp_path / "a.jsonl", one, other)
    assert [len(entry.row.turns) for entry in read(path, HELPSTEER, skip_invalid=True)] == [2]


def test_a_conversation_without_an_answer_only_where_asked_for(tmp_path):
    path = written(tmp_path / "a.jsonl", {"messages": [ASKED]})
    assert len(rows(path, unanswered=True)) == 1


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_rating = st.builds(
    Rating,
    st.floats(0, 4),
    st.sampled_from(["human", "judge"]),
    st.none() | st.floats(0, 2),
)
_ratings = st.dictionaries(st.sampled_from(HELPSTEER.names), _rating)


@given(
    st.lists(st.tuples(_text, _text, _ratings, st.booleans()), min_size=1, max_size=3),
    st.none() | _text,
    st.floats(0, 10),
)
def test_a_row_is_read_as_it_was_written(tmp_path_factory, exchanges, system, weight):
    turns = [] if system is None else [Turn("system", system)]
    for asked, answered, ratings, context in exchanges:
        ordered = {name: ratings[name] for name in HELPSTEER.names if name in ratings}
        turns += [Turn("user", asked), Turn("assistant", answered, ordered, context)]
    row = Row(tuple(turns), "x", group_of(tuple(turns)), "here:1", weight)
    path = written(tmp_path_factory.mktemp("rows") / "a.jsonl", plain.dump(row))
    (again,) = rows(path)
    assert (again.turns, again.id, again.group, again.weight) == (row.turns, row.id, row.group, row.weight)
