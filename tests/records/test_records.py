from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from midcourse.errors import InputErrors, UserError
from midcourse.records import objects, records, sets

ROWS: list[dict[str, Any]] = [{"number": number, "text": "é🙂\n" * (number % 7)} for number in range(700)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def values(source: Path | str) -> list[Any]:
    found = list(records(source))
    assert [record.problem for record in found if record.problem] == []
    return [record.value for record in found]


@pytest.mark.parametrize(
    "packed",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda data: pyarrow.compress(data, "zstd", asbytes=True),
        lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]),
        lambda data: b"".join(pyarrow.compress(part, "zstd", asbytes=True) for part in (data[:999], data[999:])),
    ],
    ids=["plain", "gzip", "bzip2", "xz", "zstd", "two gzips", "two zstds"],
)
@pytest.mark.parametrize("form", ["lines", "array", "pretty array", "pretty objects"])
def test_packed_or_not_in_lines_or_not(packed: Callable[[bytes], bytes], form: str, tmp_path: Path) -> None:
    texts = {
        "lines": LINES,
        "array": json.dumps(ROWS).encode(),
        "pretty array": b"\xef\xbb\xbf" + json.dumps(ROWS, indent=1, ensure_ascii=False).encode(),
        "pretty objects": "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(),
    }
    path = tmp_path / "whatever"
    path.write_bytes(packed(texts[form]))
    assert values(path) == ROWS


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(LINES))))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", stream)
    assert values("-") == ROWS


def test_parquet_and_folders_of_datasets(tmp_path: Path) -> None:
    made = datasets.Dataset.from_list(ROWS)
    made.to_parquet(str(tmp_path / "rows.parquet"))
    assert values(tmp_path / "rows.parquet") == ROWS
    made.save_to_disk(str(tmp_path / "saved"))
    assert values(tmp_path / "saved") == ROWS
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "train.jsonl").write_bytes(LINES)
    assert values(tmp_path / "files") == ROWS
    datasets.DatasetDict({"train": made, "test": made.take(3)}).save_to_disk(str(tmp_path / "both"))
    assert values(tmp_path / "both" / "test") == ROWS[:3]
    with pytest.raises(InputErrors, match="has several splits; give one: test, train"):
        values(tmp_path / "both")


def test_names_of_datasets(tmp_path: Path) -> None:
    for wrong in ("datasets://", "datasets://a/b?splt=train"):
        with pytest.raises(UserError, match=r"write datasets://owner/name\?split=train"):
            values(wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputErrors, match="cannot be loaded by datasets: "):
        values(tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a" 1}\n[]\n{"a": 2}\n', [None, "2: is not JSON", "3: should be one JSON object a line", None]),
        ('[{"a": 1},\n\n{"a" 1}, {"a": 2}]', [None, "3: [1]: is not JSON"]),
        ('[{"a": 1},\n 7, {"a": 2}]', [None, "2: [1]: should be a JSON object", None]),
        ('[{"a": 1}\n{"a": 2}]', [None, "2: [0]: is not JSON: after this a comma or a bracket should come, not '{'"]),
        ('[{"a": 1},\n', [None, "2: [1]: is not JSON"]),
        ('[{"a": 1}', [None, "1: [0]: is not JSON: after this a comma or a bracket should come, not the end"]),
        ('[{"a": 1}]\n{}', [None, "2: is not JSON: something follows the end of the array"]),
        ('{\n "a": {"b": "\\ud800"}}', ["1: a.b: holds half of a surrogate pair"]),
        ('[{"a": {"b": "\\ud800"}}]', ["1: [0].a.b: holds half of a surrogate pair"]),
        ('{\n "a": ' + "9" * 5000 + "\n}", ["1: holds a number with thousands of digits"]),
        ('{\n "a": NaN\n}', ["1: is not JSON: NaN is no number"]),
        ('{\n "a": 1, "a": 2\n}', ["1: says the key 'a' twice"]),
        ("[]", []),
        ("\n \n", []),
        ("", []),
        ("[" * 100_000, ["1: "]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: list[str | None], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    found = list(records(path))
    assert len(found) == len(said)
    for record, expected in zip(found, said, strict=True):
        assert (record.problem is None) == (expected is None)
        assert expected is None or str(record.problem).removeprefix(f"{path}:").startswith(expected)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=r"none: cannot be read: No such file"):
        values(tmp_path / "none")
    for name, data in [
        ("a.gz", gzip.compress(LINES)[:-9]),
        ("a.bz2", bz2.compress(LINES)[:-9]),
        ("a.xz", lzma.compress(LINES)[:-9]),
        ("b.gz", gzip.compress(LINES)[:200] + b"?" * 200),
        ("a.zst", pyarrow.compress(LINES, "zstd", asbytes=True)[:60] + b"?" * 60),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputErrors, match=f"{name}: is damaged: "):
            values(tmp_path / name)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputErrors, match=r"a\.parquet: is no Parquet file that can be read"):
        values(tmp_path / "a.parquet")


def test_lines_that_are_given_as_lines() -> None:
    assert [record.value for record in objects("x", LINES.splitlines(keepends=True))] == ROWS
    assert [record.value for record in objects("x", [b"[{}, ", b"{}]"])] == [{}, {}]


def test_large_values_are_read_in_one_go(tmp_path: Path) -> None:
    large = [{"text": "x" * 3_000_000}, {"text": "y" * 300_000}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(large))
    assert values(path) == large


def test_a_folder_of_everything_is_refused_before_all_of_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").touch()
    monkeypatch.setattr(sets, "MANY", 3)
    with pytest.raises(InputErrors, match="has over 3 files in it; name files"):
        list(records(tmp_path))
