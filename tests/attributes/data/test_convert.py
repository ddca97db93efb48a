import json

import pytest

from midcourse.attributes.data import Reading, sample
from midcourse.attributes.data.convert import convert
from midcourse.errors import InputErrors, UserError
from tests.attributes.data.files import HELPSTEER, OASST, flat, rows, written


def test_plain_loses_nothing(tmp_path):
    found = convert(sample(), HELPSTEER, Reading(), tmp_path / "plain.jsonl")
    assert found["rows"].answers == 198
    before, after = rows(sample()), rows(tmp_path / "plain.jsonl")
    assert [(row.turns, row.id, row.group) for row in after] == [(row.turns, row.id, row.group) for row in before]


def test_what_else_stands_in_a_row_stays(tmp_path):
    path = written(tmp_path / "a.jsonl", flat(verbosity=1, source="web", predicted={"verbosity": 2}))
    convert(path, HELPSTEER, Reading(), tmp_path / "plain.jsonl")
    line = json.loads((tmp_path / "plain.jsonl").read_text())
    assert line.keys() == {"id", "messages", "source"}
    assert line["messages"][1]["attributes"] == {"verbosity": 1}


def test_keys_of_others_that_mean_something_here_are_kept_under_other_names(tmp_path):
    """An `id` is often the prompt's there, and stands twice."""
    path = written(tmp_path / "a.jsonl", flat(verbosity=1, id=7), flat(response="b", verbosity=2, id=7))
    convert(path, HELPSTEER, Reading(), tmp_path / "plain.jsonl")
    assert [row.last.values for row in rows(tmp_path / "plain.jsonl")] == [{"verbosity": 1}, {"verbosity": 2}]
    assert [json.loads(line)["given_id"] for line in (tmp_path / "plain.jsonl").read_text().splitlines()] == [7, 7]


def test_a_share_of_the_prompts_goes_to_a_file_of_its_own(tmp_path):
    train, held = tmp_path / "train.jsonl", tmp_path / "held.jsonl"
    found = convert(sample(), HELPSTEER, Reading(), train, held_out=held, share=0.2)
    assert found["rows"].rows + found["held_out"].rows == 198
    assert 30 <= found["held_out"].rows <= 40
    assert not {row.group for row in rows(train)} & {row.group for row in rows(held)}


def test_nothing_is_written_where_something_is_wrong(tmp_path):
    path = written(tmp_path / "a.jsonl", flat(verbosity=1), flat(verbosity=9))
    (tmp_path / "out.jsonl").write_text("as it was")
    with pytest.raises(InputErrors):
        convert(path, HELPSTEER, Reading(), tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "as it was"
    for out, held in ((path, None), (tmp_path / "b", tmp_path / "b")):
        with pytest.raises(UserError):
            convert(path, HELPSTEER, Reading(), out, held_out=held, share=0.5, skip_invalid=True)
    assert path.read_text().count("\n") == 2


def test_what_nemos_format_cannot_say_is_told(tmp_path):
    answer = {"role": "assistant", "content": "x", "attributes": {"quality": {"value": 2.4, "by": "judge"}}}
    asked = {"role": "user", "content": "y"}
    line = {
        "messages": [asked, {"role": "assistant", "content": "x", "context": True}, asked, answer],
        "weight": 2,
        "source": "web",
    }
    told = []
    convert(written(tmp_path / "a.jsonl", line), OASST, Reading(), tmp_path / "n.jsonl", to="nemo", tell=told.append)
    assert len(told) == 5
    assert all(one.startswith("1 ") for one in told)
    assert json.loads((tmp_path / "n.jsonl").read_text())["conversations"][3]["label"] == "quality:2"
