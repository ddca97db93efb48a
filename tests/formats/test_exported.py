"""What Midcourse exported as Parquet comes back: traces as they were, steers with all that is known of them."""

from __future__ import annotations

import json
from pathlib import Path

from midcourse.outgoing.write import write
from midcourse.records import records
from midcourse.trace.lines import from_dict
from tests.formats.plain import came, problems, taken, written
from tests.outgoing import samples
from tests.tokenizers import get

TOK = get("digits")


def test_traces_come_back_as_they_were(tmp_path: Path) -> None:
    found = samples.traces(TOK)
    write("datasets", tmp_path / "set", found, samples.by(TOK))
    back = [trace for one in came(tmp_path / "set" / "traces.parquet", TOK) for trace in one.traces]
    assert back == found


def test_a_table_gives_every_steer_with_what_is_known_of_it(tmp_path: Path) -> None:
    write("parquet", tmp_path / "steers.parquet", samples.traces(TOK), samples.by(TOK))
    lines = taken(tmp_path / "steers.parquet", TOK)
    louvre = {"role": "user", "content": "When was the Louvre opened?"}
    assert {"messages": [{"role": "user", "content": "Count to three."}], "output": [
        "1, 2", {"rejected": {"text": "", "end": True}, "chosen": ", 3", "end": True}
    ]} in lines  # fmt: skip
    steers = [line["output"][-1] for line in lines if louvre in line["messages"]]
    assert steers[1] == {
        "rejected": [" its doors", " to the public"], "chosen": " in 1793", "weight": 2.0, "tags": ["history"]
    }  # fmt: skip
    assert [line for line in lines if line["output"][-1].get("aside")]
    write("parquet", tmp_path / "again.parquet", [
        trace for one in came(tmp_path / "steers.parquet", TOK) for trace in one.traces
    ], samples.by(TOK))  # fmt: skip
    first, again = (
        [record.value or {} for record in records(tmp_path / name)] for name in ("steers.parquet", "again.parquet")
    )
    for one, other in zip(first, again, strict=True):
        for name in ("kind", "before", "chosen", "rejected", "end", "rejected_ends", "weight", "conversation"):
            assert one[name] == other[name]


def test_who_wrote_a_correction_comes_back(tmp_path: Path) -> None:
    asked = {"messages": [{"role": "user", "content": "?"}]}
    output = ["a ", {"rejected": "b", "chosen": {"text": "c", "source": "import"}}, {"rejected": "d", "chosen": "e"}]
    (trace,) = from_dict({**asked, "output": output}, TOK, model="any").traces
    write("parquet", tmp_path / "s.parquet", [trace], samples.by(TOK))
    back = [trace for one in came(tmp_path / "s.parquet", TOK) for trace in one.traces]
    assert [one.spans[one.steers[-1].chosen.span].source for one in back if one.steers[-1].chosen] == [
        "import",
        "human",
    ]


def test_rows_that_are_broken_say_so(tmp_path: Path) -> None:
    row = {"kind": "mark", "conversation": [], "before": 1, "chosen": None, "rejected": [" a"], "end": False}
    path = written(tmp_path / "a.jsonl", {"native": "{"}, {"native": "[]"}, {"native": 1}, row | {"rejected_ends": []})
    assert problems(path, TOK) == [
        ":1: native: is not JSON: Expecting property name enclosed in double quotes at character 2 of the line",
        ":2: native: is no JSON object",
        ":3: native: should be a text, not a number",
        ":4: conversation: is empty",
        ":4: before: should be a text, not a number",
    ]
    assert json.loads(path.read_text().splitlines()[1])["native"] == "[]"
