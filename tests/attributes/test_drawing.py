"""Answers kept as they are drawn: killed anywhere, the file comes out the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from midcourse.attributes import drawing
from midcourse.attributes.drawing import Request, Sample, draw
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.errors import ConfigError, UserError
from tests.engine import helpers
from tests.toys import TinyTokenizer

REQUESTS = [Request([{"role": "user", "content": f"say {word}"}]) for word in ("a", "bc", "def", "gh", "i")]
SAMPLING = Sampling(temperature=1.0, seed=3)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 4)  # two requests at a time, and one in the last chunk


def _engine() -> TransformersEngine:
    tokenizer: Any = TinyTokenizer()
    return TransformersEngine(dataclasses.replace(helpers.loaded("llama"), tokenizer=tokenizer))


def _draw(path: Path, **options: Any) -> list[Sample]:
    return draw(_engine(), REQUESTS, path, **{"count": 2, "sampling": SAMPLING, "max_tokens": 8, **options})


def test_all_answers_are_there_in_order_and_differ(tmp_path: Path) -> None:
    found = _draw(tmp_path / "samples.jsonl")
    assert [(one.request, one.number) for one in found] == [(r, n) for r in range(5) for n in range(2)]
    assert len({one.ids for one in found}) > 5
    assert all(1 <= len(one.ids) <= 8 for one in found)
    assert all(one.ended == (one.ids[-1] == TinyTokenizer.end_id) for one in found)


def test_cut_off_anywhere_it_comes_out_the_same(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    found = _draw(whole)
    content = whole.read_bytes()
    for cut in range(0, len(content), 97):
        part = tmp_path / "part.jsonl"
        part.write_bytes(content[:cut])
        assert _draw(part) == found
        assert part.read_bytes() == content


def test_what_is_there_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _draw(tmp_path / "samples.jsonl")
    monkeypatch.setattr(drawing, "_chunk", lambda *_: pytest.fail("drawn again"))
    assert _draw(tmp_path / "samples.jsonl") == found


def test_another_question_is_not_answered_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    _draw(path)
    before = path.read_bytes()
    for options, what in (({"count": 3}, "count"), ({"source": "other"}, "source"), ({"max_tokens": 9}, "max_tokens")):
        with pytest.raises(UserError, match=what):
            _draw(path, **options)
    assert path.read_bytes() == before


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"format": 1}) + "\n{oops}\n")
    with pytest.raises(ConfigError, match="damaged"):
        _draw(path)


def test_other_line_ends_in_a_text_break_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "to_text", lambda *_: "a\u2028b\u0085c\x0bd\re")
    found = _draw(tmp_path / "samples.jsonl")
    monkeypatch.setattr(drawing, "_chunk", lambda *_: pytest.fail("drawn again"))
    assert _draw(tmp_path / "samples.jsonl") == found
