"""Files of prompts: what a line may hold, and every problem at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.prompts import read, with_system
from midcourse.attributes.schema import Schema
from midcourse.errors import InputErrors

TOLD = Conditioning(attributes=Schema.load("helpsteer"))
HI = {"role": "user", "content": "hi"}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return path


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    found = read(write(tmp_path / "p.txt", "hi", "", "who?"), TOLD, {"verbosity": 1})
    assert [one.request.messages for one in found] == [[HI], [{"role": "user", "content": "who?"}]]
    assert all(one.request.values == {"verbosity": 1} for one in found)


def test_a_line_may_ask_for_something_of_its_own(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl",
        {"prompt": "hi", "id": "a", "attributes": {"helpfulness": 4, "verbosity": 0}},
        {"messages": [HI, {"role": "assistant", "content": "ho"}, HI]},
    )
    first, second = read(path, TOLD, {"verbosity": 1, "complexity": 2})
    assert list(first.request.values.items()) == [("helpfulness", 4), ("complexity", 2), ("verbosity", 0)]
    assert (first.id, second.id) == ("a", None)
    assert len(second.request.messages) == 3
    assert second.request.values == {"verbosity": 1, "complexity": 2}


def test_line_breaks_of_other_kinds_break_no_line(tmp_path: Path) -> None:
    said = "one\u2028two\x85three\x0bfour"
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"prompt": said}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [one.request.messages[0]["content"] for one in read(path, TOLD, {})] == [said]


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl",
        {"prompt": "hi"},
        "{oops",
        {"prompt": "hi", "messages": [HI]},
        {"messages": [{"role": "assistant", "content": "ho"}]},
        {"prompt": "hi", "attributes": {"verbosty": 1, "verbosity": 9}},
        {"prompt": "hi", "temperature": 1},
    )
    with pytest.raises(InputErrors) as caught:
        read(path, TOLD, {})
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 5, 6]
    assert "did you mean 'verbosity'?" in str(caught.value)
    with pytest.raises(InputErrors, match="has not learned to be told"):
        read(write(path, {"prompt": "hi", "attributes": {"verbosity": 1}}), None, {})


def test_a_system_prompt_goes_before_those_that_have_none(tmp_path: Path) -> None:
    own = {"role": "system", "content": "be brief"}
    path = write(tmp_path / "p.jsonl", {"prompt": "hi"}, {"messages": [own, HI]})
    found = list(with_system(read(path, TOLD, {}), "be kind"))
    assert [one.request.messages[0]["content"] for one in found] == ["be kind", "be brief"]


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_a_mark_of_order_is_no_text_and_another_encoding_is_said(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    text = "caf\u00e9" if suffix == ".txt" else json.dumps({"prompt": "caf\u00e9"}, ensure_ascii=False)
    path.write_text(text, encoding="utf-8-sig")
    assert [one.request.messages[0]["content"] for one in read(path, TOLD, {})] == ["caf\u00e9"]
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputErrors, match="is not UTF-8"):
        read(path, TOLD, {})
