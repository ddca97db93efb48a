"""Spliced answers go wrong where it is said that they do."""

from __future__ import annotations

import random

from benchmarks.spliced import EDGE, spliced

from midcourse.attributes.data import rows
from midcourse.attributes.data.sample import sample
from midcourse.attributes.schema import Schema
from tests import tokenizers


def test_an_answer_is_its_own_up_to_the_cut_and_another_ones_from_there() -> None:
    tok = tokenizers.get("byte-level")
    found = [row for row in rows(sample(), Schema.load("helpsteer")) if len(row.last.content) > 200][:20]
    whole = {row.id: row.last.content for row in found}
    made = spliced(tok, found, found, random.Random(0))
    assert len(made) > 10
    for row, cut in made:
        mine = tok.encode(whole[row.id.rpartition("-")[0]])
        before = b"".join(map(tok.token_bytes, mine[:cut])).decode()
        assert cut >= EDGE
        assert row.last.content.startswith(before)
        rest = row.last.content.removeprefix(before)
        assert rest.startswith(" ")
        assert any(rest in text for name, text in whole.items() if name != row.id.rpartition("-")[0])
        assert 0 < row.last.values["belongs"] < 4
        assert tok.encode(row.last.content)[:cut] == mine[:cut]
