"""Every format that goes out has an example in docs/formats.md, which is its first row of the page's own answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from midcourse.exchange import reader
from midcourse.models.tokenizer import HFTokenizer
from midcourse.outgoing.settings import KINDS
from midcourse.outgoing.write import write
from midcourse.records import records
from midcourse.trace.files import from_dict

PAGE = (Path(__file__).parent.parent.parent / "docs" / "formats.md").read_text(encoding="utf-8").partition("\n# Out")[2]
SECTIONS = {
    name[1]: re.findall(r"^```json\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    if (name := re.match(r"`([a-z-]+)`", section))
}


def test_every_format_has_an_example_and_a_line_of_the_table() -> None:
    assert SECTIONS.keys() == KINDS.keys() - {"native", "datasets"}  # those have pages and sections of their own
    assert all(len(examples) == 1 for examples in SECTIONS.values())
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == KINDS.keys()


@pytest.fixture(scope="module")
def tok(bundled_path: Path) -> HFTokenizer:
    return reader(str(bundled_path))


@pytest.mark.model
@pytest.mark.parametrize("format", SECTIONS)
def test_the_first_row_is_what_the_page_says(format: str, tok: HFTokenizer, tmp_path: Path) -> None:
    source = re.findall(r"^```json source\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    traces = from_dict(json.loads(source[0]), tok, model="bundled").traces
    write(format, tmp_path / "out", traces, lambda _: tok)
    file = tmp_path / "out" / "midcourse.jsonl" if KINDS[format].folder else tmp_path / "out"
    row = next(iter(records(file))).value
    assert row is not None
    said = json.loads(SECTIONS[format][0])
    assert {"trace", "conversation"} <= row.keys()
    for key, value in said.items():
        assert like(row[key], value), (key, row[key])
    unsaid = row.keys() - said.keys()
    assert format == "parquet" or unsaid <= {"trace", "steer", "steers", "conversation", "before", "prompt_tokens"}


def like(made: Any, said: Any) -> bool:
    """Whether a value is what the page says, "…" standing for anything."""
    if isinstance(said, dict):
        return made.keys() == said.keys() and all(like(made[key], one) for key, one in said.items())
    if isinstance(said, str) and "…" in said:
        before, _, after = said.partition("…")
        return isinstance(made, str) and made.startswith(before) and made.endswith(after)
    if isinstance(said, list) and "…" in said:
        place = said.index("…")
        after = len(said) - place - 1
        return bool(made[:place] == said[:place] and made[len(made) - after :] == said[place + 1 :])
    if isinstance(said, list):
        return len(made) == len(said) and all(map(like, made, said))
    return bool(made == said)
