import itertools
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from midcourse.attributes.data import rows, sample
from tests.attributes.data.files import HELPSTEER

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found():
    return rows(sample(), HELPSTEER)


def test_it_is_as_its_script_writes_it():
    script = ROOT / "scripts" / "write-sample"
    assert subprocess.run([sys.executable, str(script), "--check"], check=False).returncode == 0


def test_every_row_says_that_it_is_made_up():
    assert all("made up" in line for line in sample().read_text(encoding="utf-8").splitlines())


def test_it_has_several_answers_of_each_prompt(found):
    assert len(found) == 198
    assert len({row.group for row in found}) == 66
    assert all(len(row.last.values) == 5 for row in found)


def test_answers_are_as_long_as_they_are_verbose(found):
    lengths = [
        median(len(row.last.content.split()) for row in found if row.last.values["verbosity"] == level)
        for level in range(5)
    ]
    assert all(longer > 1.5 * shorter for shorter, longer in itertools.pairwise(lengths)), lengths
