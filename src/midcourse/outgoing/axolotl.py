"""Rows for Axolotl's `input_output`: pieces of text, each tokenized by itself, with a label that says if it is trained.

A correction begins at a token boundary, and the model goes on after it with fresh tokens: both are what tokenizing
pieces by themselves gives. Where a tokenizer makes other ids of a piece it is cut further, until it makes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from midcourse.outgoing.origin import of_path
from midcourse.outgoing.spelling import UNSAYABLE, Spelling
from midcourse.outgoing.supervised import paths
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace


def segments(trace: Trace, spell: Spelling, tally: Tally, *, accepted: bool = False) -> Iterator[dict[str, Any]]:
    """`segments`: a row for each answer, and for each branch that has steers."""
    for path in paths(trace, tally, accepted=accepted):
        found: list[dict[str, Any]] | None = []
        for trained, ids in path.runs():
            pieces = spell.pieces(ids)
            if pieces is None or found is None:
                found = None
                break
            found += [{"label": trained, "text": text} for text in pieces]
        if found is None:
            tally.left[f"an answer {UNSAYABLE}"] += 1
            tally.steers -= len(path.steers)
            continue
        yield {"segments": found, **of_path(path)}
