"""Whatever a line holds: rows, or problems with their place; nothing else comes out of reading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midcourse.attributes.data import Reading, read
from midcourse.attributes.data.read import FORMATS
from midcourse.attributes.rows import Row
from midcourse.errors import InputErrors
from tests.attributes.data.files import OASST

KEYS = (
    "messages", "role", "content", "attributes", "quality", "humor", "value", "by", "deviation", "prompt", "response",
    "conversations", "from", "label", "mask", "system", "predicted", "predicted_deviation", "predicted_by", "weight",
    "id", "group", "context", "text", "replies", "labels", "lang", "deleted", "instruction", "completions",
    "annotations", "Rating", "custom_system_prompt", "message_id", "parent_id", "message_tree_id", "name", "count",
)  # fmt: skip
WORDS = st.sampled_from(
    ["user", "assistant", "prompter", "User", "quality:4", "quality:x,,:", "en", "", "5", "N/A", "é"]
)
PLAIN = st.none() | st.booleans() | st.integers(-2, 6) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
ANY = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
TURN = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "prompter"]), "content": WORDS, "text": WORDS, "value": WORDS,
        "from": st.sampled_from(["User", "Assistant"]), "label": ANY, "labels": ANY, "attributes": ANY,
        "predicted": ANY, "response": WORDS, "annotations": ANY, "replies": ANY, "context": ANY,
    },
)  # fmt: skip
TURNS = st.lists(TURN, max_size=4)
LIKE = {
    "plain": st.fixed_dictionaries(
        {"messages": TURNS | ANY}, optional={"attributes": ANY, "predicted": ANY, "id": ANY}
    ),
    "helpsteer": st.fixed_dictionaries({"prompt": ANY, "response": ANY}, optional={"quality": ANY, "system": ANY}),
    "oasst": st.fixed_dictionaries({"prompt": TURN | ANY}, optional={"message_tree_id": ANY}),
    "nemo": st.fixed_dictionaries({"conversations": TURNS | ANY}, optional={"mask": ANY, "system": ANY}),
    "ultrafeedback": st.fixed_dictionaries({"instruction": ANY, "completions": TURNS | ANY}),
}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_rows_or_problems(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    lines = data.draw(st.lists(LIKE[name] | ANY, min_size=1, max_size=3))
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for reading in (Reading(format=name), Reading()):  # type: ignore[arg-type]
        for row in _rows(path, reading):
            assert all(0 <= value <= 4 for turn in row.turns for value in turn.values.values())
            assert list(row.answers) or all(turn.context for turn in row.turns if turn.role == "assistant")


def _rows(path: Path, reading: Reading) -> list[Row]:
    """The rows of a file; none where its problems are told."""
    try:
        return [entry.row for entry in read(path, OASST, reading)]
    except InputErrors:
        return []
