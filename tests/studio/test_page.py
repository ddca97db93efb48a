"""The page's own checks, run from here: `node --test`, and that what is generated for it is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "src" / "midcourse" / "studio" / "static"
TESTS = sorted((Path(__file__).parent / "page").glob("*.test.js"))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_in_node(file: Path) -> None:
    ran = subprocess.run(["node", "--test", str(file)], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_types_of_the_api_are_up_to_date() -> None:
    script = ROOT / "scripts" / "write-types"
    checked = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_page_loads_only_what_it_has() -> None:
    """Every address in it is a file of `static/`; every import of a module leads to one."""
    for target in re.findall(r'(?:href|src)="/static/([^"]+)"', (STATIC / "index.html").read_text(encoding="utf-8")):
        assert (STATIC / target).is_file(), target
    imports = re.compile(r'^(?:import|export)(?: [^"=;]* from)? "([^"]+)";$', re.MULTILINE)
    for module in STATIC.rglob("*.js"):
        for target in imports.findall(module.read_text(encoding="utf-8")):
            assert (module.parent / target).resolve().is_file(), f"{module.name} imports {target}"


def test_the_page_parses_nothing_as_html() -> None:
    parsing = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
    for module in STATIC.rglob("*.js"):
        found = parsing.findall(module.read_text(encoding="utf-8"))
        assert not found, f"{module.name}: {found}"


def test_modules_are_checked_and_small() -> None:
    for module in STATIC.rglob("*.js"):
        text = module.read_text(encoding="utf-8")
        assert text.startswith("// @ts-check\n/**"), module.name
        assert text.count("\n") < 300, f"{module.name}: look for the second thing that it does"
