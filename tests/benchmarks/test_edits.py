"""Edits of which it is known where they are, are found there."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.edits import Pair, measure, pairs

from midcourse.exchange import reader
from midcourse.formats import Reading
from tests.tokenizers import get


@pytest.mark.model
@pytest.mark.parametrize("spacing", [4, 16])
def test_steers_begin_where_the_edits_are(spacing: int, bundled_path: Path) -> None:
    tok = reader(str(bundled_path))
    found = measure(tok, pairs(tok, 60, spacing), Reading().gap)
    assert found.edits > 100
    assert found.precision >= 0.95
    assert found.recall >= 0.95


def test_what_is_not_found_counts() -> None:
    tok = get("byte-level")
    original, corrected = "one two three four five", "one 2 three four 5"
    places = [len(tok.encode("one ")), len(tok.encode("one 2 three four "))]
    assert measure(tok, [Pair(original, corrected, places)], 2)[:3] == (2, 2, 2)
    assert measure(tok, [Pair(original, corrected, places)], 99)[:3] == (2, 1, 1)
    assert measure(tok, [Pair(original, corrected, [0])], 2)[:3] == (1, 2, 0)
