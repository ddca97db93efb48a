import datetime
import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest

from midcourse.attributes.data import Reading, read
from midcourse.errors import InputErrors
from tests.attributes.data.files import HELPSTEER, flat, rows, values, written

LINES = [flat(helpfulness=number % 5, verbosity=None) for number in range(600)]


def test_gzipped_lines_and_parquet_are_read_as_plain_lines_are(tmp_path):
    path = written(tmp_path / "a.jsonl", *LINES)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(LINES), tmp_path / "a.parquet")
    found = [[(row.turns, values(row)) for row in rows(path.with_name(name))] for name in ("a.jsonl", "a.jsonl.gz")]
    assert found[0] == found[1] == [(row.turns, values(row)) for row in rows(tmp_path / "a.parquet")]
    assert len(found[0]) == 600


def test_nested_messages_in_parquet(tmp_path):
    line = {
        "messages": [
            {"role": "user", "content": "a", "attributes": None},
            {"role": "assistant", "content": "b", "attributes": {"verbosity": 2, "helpfulness": None}},
        ]
    }
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([line]), tmp_path / "a.parquet")
    assert values(*rows(tmp_path / "a.parquet")) == {"verbosity": 2}


def test_what_pandas_calls_nan_is_missing_and_times_are_texts(tmp_path):
    line = {**flat(verbosity=float("nan"), helpfulness=2.0), "when": datetime.datetime(2026, 1, 2, 3)}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([line]), tmp_path / "a.parquet")
    (entry,) = read(tmp_path / "a.parquet", HELPSTEER)
    assert values(entry.row) == {"helpfulness": 2}
    assert json.loads(json.dumps(entry.raw, allow_nan=False))["when"].startswith("2026-01-02")


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.gz"])
def test_a_damaged_file_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(InputErrors, match=name):
        rows(tmp_path / name)


def test_half_a_gzipped_file_is_an_error(tmp_path):
    whole = gzip.compress(written(tmp_path / "a.jsonl", *LINES).read_bytes())
    (tmp_path / "b.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputErrors, match="damaged"):
        rows(tmp_path / "b.jsonl.gz")


def test_files_that_are_not_there_or_empty(tmp_path):
    with pytest.raises(InputErrors, match="cannot be read"):
        rows(tmp_path / "none.jsonl")
    with pytest.raises(InputErrors, match="no row"):
        rows(written(tmp_path / "a.jsonl"))


def test_a_format_that_nobody_knows_says_what_it_has(tmp_path):
    with pytest.raises(InputErrors, match=r"it has question, answer"):
        rows(written(tmp_path / "a.jsonl", {"question": "a", "answer": "b"}))


def test_each_file_is_recognised_by_itself(tmp_path):
    one = written(tmp_path / "a.jsonl", flat(verbosity=1))
    other = written(
        tmp_path / "b.jsonl", {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}
    )
    found = list(read([one, str(other)], HELPSTEER))
    assert [(entry.path.name, entry.line) for entry in found] == [("a.jsonl", 1), ("b.jsonl", 1)]
    assert found[0].raw == flat(verbosity=1)


def test_problems_of_all_files_come_before_any_row(tmp_path):
    one = written(tmp_path / "a.jsonl", flat(verbosity=9))
    other = written(tmp_path / "b.jsonl", flat(), flat(helpfulness="much"))
    with pytest.raises(InputErrors) as error:
        read([one, other], HELPSTEER)
    assert [(problem.where, problem.line) for problem in error.value.problems] == [(str(one), 1), (str(other), 2)]


def test_thousands_of_problems_are_counted_and_not_all_told(tmp_path):
    with pytest.raises(InputErrors, match="and 400 more") as error:
        rows(written(tmp_path / "a.jsonl", *[flat(verbosity=9)] * 600))
    assert len(error.value.problems) == 201


def test_another_scale_and_whole_steps(tmp_path):
    path = written(tmp_path / "a.jsonl", flat(helpfulness=60))
    assert values(*rows(path, scale=(0, 100))) == {"helpfulness": pytest.approx(2.4)}
    assert values(*rows(path, scale=(0, 100), rounded=True)) == {"helpfulness": 2}


def test_reading_takes_no_more_memory_for_more_rows(tmp_path):
    import tracemalloc

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as file:
            file.writelines(
                f'{{"prompt": "What is {n}?", "response": "{"x" * 1000}", "verbosity": 1}}\n' for n in range(count)
            )
        tracemalloc.start()
        for _ in read(path, HELPSTEER, Reading()):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(4000) < peak(400) + 50_000  # of 4 MB in the file
