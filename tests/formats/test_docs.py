"""Every format has an example in docs/formats.md, which comes in as the page says (in the bundled model's tokens)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from midcourse.exchange import reader
from midcourse.formats.known import FORMATS
from midcourse.models.tokenizer import HFTokenizer
from tests.formats.plain import came, taken, written

PAGE = Path(__file__).parent.parent.parent / "docs" / "formats.md"


class Example(NamedTuple):
    """Objects of a file, and the native lines that they come in as."""

    format: str
    objects: list[dict[str, Any]]
    lines: list[dict[str, Any]]


def examples() -> list[Example]:
    """Below a heading that is a format's name: blocks of `json`, then those of `json native` that they come in as."""
    found: list[Example] = []
    inward = PAGE.read_text(encoding="utf-8").partition("\n# Out")[0]
    for section in re.split(r"^#{2,3} ", inward, flags=re.MULTILINE)[1:]:
        if (name := re.match(r"`([a-z0-9-]+)`", section)) is None:
            continue
        for kind, text in re.findall(r"^```json( native)?\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            if not kind and (not found or found[-1].lines or found[-1].format != name[1]):
                found.append(Example(name[1], [], []))
            (found[-1].lines if kind else found[-1].objects).append(json.loads(text))
    return found


def test_every_format_has_an_example() -> None:
    assert {example.format for example in examples()} == FORMATS.keys() - {"native"}  # that one has docs/format.md


@pytest.fixture(scope="module")
def tok(bundled_path: Path) -> HFTokenizer:
    return reader(str(bundled_path))


@pytest.mark.model
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.format)
@pytest.mark.parametrize("told", [False, True], ids=["recognised", "told"])
def test_an_example_comes_in_as_the_page_says(example: Example, told: bool, tok: HFTokenizer, tmp_path: Path) -> None:
    path = written(tmp_path / "example.jsonl", *example.objects)
    format = example.format if told else "auto"
    assert taken(path, tok, format=format) == example.lines
    assert came(path, tok, format=format)[-1].format == example.format
