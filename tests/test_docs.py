"""The examples in README and docs run, and what is generated in them is up to date."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from midcourse import config
from midcourse.attributes.data import read as read_rated
from midcourse.attributes.schema import Schema
from midcourse.cli.app import app
from midcourse.learn.run.recipe import Recipe
from midcourse.trace.files import read
from tests.tokenizers import EXACT, get

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ATTRIBUTES = ROOT / "docs" / "attributes.md"  # its examples are rated rows, not traces
FORMATS = ROOT / "docs" / "formats.md"  # foreign examples: tests/formats/test_docs.py


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page, "json") and page not in (ATTRIBUTES, FORMATS)],
    ids=lambda page: page.name,
)
def test_the_examples_of_the_format_are_read(page: Path, kind: str, tmp_path: Path) -> None:
    examples = blocks(page, "json")
    file = tmp_path / "examples.jsonl"
    file.write_text("".join(json.dumps(json.loads(example)) + "\n" for example in examples), encoding="utf-8")
    found = read(file, get(kind), model="any")
    assert set(found.lines) == set(range(1, len(examples) + 1))
    assert all(trace.steers for trace in found.traces)


def test_the_examples_of_rated_rows_and_of_a_schema_are_read(tmp_path: Path) -> None:
    (schema,) = blocks(ATTRIBUTES, "yaml")
    (tmp_path / "schema.yaml").write_text(schema, encoding="utf-8")
    assert Schema.load(str(tmp_path / "schema.yaml")).names == ("warmth", "length")
    examples = blocks(ATTRIBUTES, "json")
    file = tmp_path / "examples.jsonl"
    file.write_text("".join(json.dumps(json.loads(example)) + "\n" for example in examples), encoding="utf-8")
    found = list(read_rated(file, Schema.load("helpsteer")))
    assert [len(list(entry.row.answers)) for entry in found] == [2, 1]


def test_what_is_generated_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "write-docs"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_that_are_shown_exist(page: Path) -> None:
    """With these flags and values; what they do is tested elsewhere."""
    for block in blocks(page, "sh"):
        for line in re.findall(r"^midcourse (.+)$", block.replace("\\\n", " "), re.MULTILINE):
            app.parse_args(shlex.split(line, comments=True), exit_on_error=False, print_error=False)


def test_the_recipes_that_are_shown_are_read(tmp_path: Path) -> None:
    shown = blocks(ROOT / "docs" / "training.md", "yaml")
    assert shown
    for text in shown:
        (tmp_path / "run.yaml").write_text(text)
        config.resolve(Recipe, None, tmp_path / "run.yaml")


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_each_decision_has_a_number_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:03}-" for number in range(1, len(pages) + 1)]
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:3]} "), page.name
