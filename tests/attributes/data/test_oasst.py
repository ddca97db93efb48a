import pytest

from midcourse.attributes.data import Reading, read
from midcourse.errors import InputErrors
from tests.attributes.data.files import HELPSTEER, OASST, rows, values, written


def _node(name, *replies, lang="en", **labels):
    role = "prompter" if name.startswith("p") else "assistant"
    given = {key: {"value": value, "count": 3} for key, value in labels.items()}
    return {
        "message_id": name,
        "role": role,
        "text": f"text {name}",
        "lang": lang,
        "labels": given,
        "replies": list(replies),
    }


def _tree(first, name="t"):
    return {"message_tree_id": name, "tree_state": "ready_for_export", "prompt": first}


#        p1 ─ a1 ─ p2 ─ a2
#           │        └ a3
#           └ a4 ─ p3
TREE = _tree(
    _node(
        "p1",
        _node(
            "a1", _node("p2", _node("a2", quality=0.25, toxicity=0.0), _node("a3", quality=1.0)), quality=0.5, humor=0.1
        ),
        _node("a4", _node("p3"), quality=0.7, spam=0.9),
    )
)


def _names(row):
    return [turn.content.removeprefix("text ") for turn in row.turns]


def test_every_path_is_a_row_and_every_answer_counts_once(tmp_path):
    found = rows(written(tmp_path / "a.jsonl", TREE), OASST)
    assert [_names(row) for row in found] == [["p1", "a1", "p2", "a2"], ["p1", "a1", "p2", "a3"], ["p1", "a4"]]
    counted = [answer.turn.content for row in found for answer in row.answers]
    assert sorted(counted) == ["text a1", "text a2", "text a3", "text a4"]
    assert found[1].turns[1].context
    assert found[1].turns[1].ratings == {}
    assert {row.group for row in found} == {"t"}
    assert [row.id for row in found] == ["a2", "a3", "a4"]


def test_labels_from_0_to_1_become_the_scale(tmp_path):
    first, second, third = rows(written(tmp_path / "a.jsonl", TREE), OASST)
    assert values(first) == {"quality": 1, "toxicity": 0}
    assert first.turns[1].values == {"quality": 2, "humor": pytest.approx(0.4)}
    assert values(second) == {"quality": 4}
    assert values(third) == {"quality": pytest.approx(2.8)}
    assert values(rows(tmp_path / "a.jsonl", OASST, rounded=True)[2]) == {"quality": 3}


def test_other_languages_are_left_out_with_what_follows_them(tmp_path):
    tree = _tree(
        _node("p1", _node("a1", _node("p2", _node("a2", quality=1), lang="de"), quality=0.5), _node("a3", lang="es"))
    )
    path = written(tmp_path / "a.jsonl", tree, _tree(_node("p9", _node("a9"), lang="de"), "u"))
    told = []
    found = [entry.row for entry in read(path, OASST, Reading(language="en"), tell=told.append)]
    assert [_names(row) for row in found] == [["p1", "a1"]]
    assert told == ["3 × messages are not in 'en', and what follows them is left out with them"]
    assert len(rows(path, OASST)) == 3


def test_deleted_and_refused_messages_are_left_out(tmp_path):
    tree = _tree(_node("p1", {**_node("a1"), "deleted": True}, {**_node("a2"), "review_result": False}, _node("a3")))
    assert [_names(row) for row in rows(written(tmp_path / "a.jsonl", tree), OASST)] == [["p1", "a3"]]


def test_messages_one_a_line_are_the_same_trees(tmp_path):
    lines = []

    def flatten(node, parent):
        names = list(node["labels"])
        labels = {"name": names, "value": [node["labels"][name]["value"] for name in names], "count": [3] * len(names)}
        lines.append({**node, "replies": None, "message_tree_id": "t", "parent_id": parent, "labels": labels})
        for reply in node["replies"]:
            flatten(reply, node["message_id"])

    flatten(TREE["prompt"], None)
    trees = rows(written(tmp_path / "a.jsonl", TREE), OASST)
    flat = rows(written(tmp_path / "b.jsonl", *lines), OASST)
    assert [(row.turns, row.group, row.id) for row in flat] == [(row.turns, row.group, row.id) for row in trees]
    assert [row.place.rpartition("/")[2] for row in flat] == ["b.jsonl:1.1", "b.jsonl:1.2", "b.jsonl:1.3"]

    first = {
        key: value for key, value in lines[0].items() if value is not None
    }  # null is not there, and may be left out
    bare = rows(written(tmp_path / "bare.jsonl", first, *lines[1:]), OASST)
    assert [(row.turns, row.group, row.id) for row in bare] == [(row.turns, row.group, row.id) for row in trees]
    two = {key: value for key, value in lines[1].items() if key != "parent_id"}
    with pytest.raises(InputErrors, match="the tree has 2 first messages"):
        rows(written(tmp_path / "two.jsonl", first, two, *lines[2:]), OASST)
    with pytest.raises(InputErrors, match="does not have"):
        rows(written(tmp_path / "c.jsonl", *(line for line in lines if line["message_id"] != "p2")), OASST)
    circle = [lines[0], {**lines[1], "parent_id": lines[1]["message_id"]}, *lines[2:]]
    with pytest.raises(InputErrors, match="replies to each other in a circle"):
        rows(written(tmp_path / "circle.jsonl", *circle), OASST)
    other = {**lines[0], "message_tree_id": "u", "message_id": "p8"}
    with pytest.raises(InputErrors, match="sort the file"):
        rows(written(tmp_path / "d.jsonl", lines[0], lines[1], other, lines[2]), OASST)


def test_a_deep_tree_is_read(tmp_path):
    node = _node("a0", quality=1)
    for number in range(150):  # deeper than anybody talks, and what JSON nests
        node = _node(("p" if number % 2 == 0 else "a") + str(number + 1), node)
    first = node if node["role"] == "prompter" else _node("p", node)
    (row,) = rows(written(tmp_path / "a.jsonl", _tree(first)), OASST)
    assert len(row.turns) > 150


def test_what_is_wrong_in_a_tree_is_told_with_its_place(tmp_path):
    bad = _node("p1", _node("a1", quality=1.5), {**_node("a2"), "role": "robot"}, {**_node("a3"), "text": None})
    with pytest.raises(InputErrors) as error:
        rows(written(tmp_path / "a.jsonl", _tree(bad)), OASST)
    assert [problem.field for problem in error.value.problems] == [
        "prompt.replies[0].labels.quality",
        "prompt.replies[1].role",
        "prompt.replies[2].text",
    ]


def test_labels_of_which_the_schema_has_none_are_told(tmp_path):
    path, told = written(tmp_path / "a.jsonl", TREE), []
    assert all(not turn.ratings for entry in read(path, HELPSTEER, tell=told.append) for turn in entry.row.turns)
    assert told == ["4 × answers are rated in nothing that the schema helpsteer has: try --schema oasst"]
    told.clear()
    assert list(read(path, OASST, tell=told.append))
    assert told == []
