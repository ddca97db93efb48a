"""The five lines of the README: a file of a thousand before/after pairs, imported, trained on, and measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.pairs import commands, files

from tests.cli.conftest import mc
from tests.ran import Ran

__all__ = ["mc"]  # a fixture


def test_a_thousand_pairs(mc: Callable[..., Ran], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tiny model, which learns nothing of it in so few steps."""
    monkeypatch.chdir(tmp_path)
    files(tmp_path, 1000)
    shorter = {
        "train": ("--dtype", "float32", "--batch", 100),
        "measure": ("--replays", 8, "--answers", 4, "--drift-prompts", 2),
    }
    ran = {}
    lines = commands()
    assert len(lines) == 5
    for number, (program, command, *arguments) in enumerate(lines):
        assert program == "midcourse"
        ran[number] = mc(command, *arguments, "--model", model, *shorter.get(command, ()))
        assert ran[number].code == 0, ran[number].err
    assert "1,000 traces with 1," in ran[0].out
    assert "[- " in ran[0].out
    assert "1,000 new traces in sqlite:///pairs.db" in ran[1].out
    measured = json.loads((tmp_path / "runs" / "pairs" / "report" / "measure.json").read_text())
    assert measured
