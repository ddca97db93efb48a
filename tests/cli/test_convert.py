"""`attributes convert` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.attributes.data.files import flat, written
from tests.cli.conftest import Ran


def test_the_command_counts_and_writes(mc: Callable[..., Ran], tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", flat("a", helpfulness=4), flat("b", helpfulness=2), flat("b"))
    done = mc("attributes", "convert", path, "--json")
    assert done.code == 0, done.err
    found = done.json["rows"]
    assert found["rows"] == 3
    assert found["prompts"] == 2
    assert found["unrated"] == 1
    helpful = {"rated": 2, "missing": 1, "mean": 3, "levels": {"0": 0, "1": 0, "2": 1, "3": 0, "4": 1}}
    assert found["attributes"]["helpfulness"] == helpful | {"by": {"human": 2}}
    done = mc("attributes", "convert", path, "--out", tmp_path / "o.jsonl", "--rename", "length=verbositi")
    assert done.code == 2
    assert "did you mean 'verbosity'?" in done.err
    done = mc("attributes", "convert", path, "--out", tmp_path / "o.jsonl", "--scale", "0", "5", "--rounded")
    assert done.code == 0, done.err
    assert "helpfulness  mean 2.50  2: 1  3: 1  (1 missing)" in done.out


def test_flags_that_cannot_be_are_one_clear_message(mc: Callable[..., Ran], tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", flat("a", helpfulness=4))
    done = mc("attributes", "convert", path, "--scale", "4", "0", "--language", "e n")
    assert done.code == 2
    assert "--scale: 4 is not below 0" in done.err
    assert "--language: " in done.err
