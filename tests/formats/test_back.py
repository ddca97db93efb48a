"""What was exported for another tool and is imported again trains the same tokens, in the same context."""

from __future__ import annotations

from pathlib import Path

import pytest

from midcourse.formats import Reading, inputs, read
from midcourse.outgoing.supervised import paths, sides
from midcourse.outgoing.tally import Tally
from midcourse.outgoing.write import write
from midcourse.trace import Trace
from tests.outgoing import samples

TOK = samples.tok()


def back(format: str, out: Path) -> list[Trace]:
    """The samples, exported and imported again, recognised by their first row."""
    write(format, out, samples.traces(TOK), samples.by(TOK))
    file = out / "midcourse.jsonl" if out.is_dir() else out
    found = list(read(inputs([file]), TOK, Reading(), model="any"))
    assert [str(problem) for one in found for problem in one.problems] == []
    return [trace for one in found for trace in one.traces]


def spelt(ids: list[int], trained: list[bool]) -> tuple[str, str]:
    """Context and trained tokens as text, the end of an answer spelt out."""
    return (
        TOK.written([token for token, one in zip(ids, trained, strict=True) if not one]),
        TOK.written([token for token, one in zip(ids, trained, strict=True) if one]),
    )


def test_labels_come_back_to_the_token(tmp_path: Path) -> None:
    assert samples.whole(back("trl-sft", tmp_path / "a")) == samples.whole(samples.traces(TOK))


def test_marks_come_back_to_the_token(tmp_path: Path) -> None:
    def judged(found: list[Trace]) -> set[tuple[tuple[int, ...], ...]]:
        pairs = [pair for trace in found for pair in sides(trace, Tally())]
        return {(tuple(pair.context), tuple(pair.chosen), tuple(pair.rejected)) for pair in pairs}

    assert judged(back("kto", tmp_path / "a")) == judged(samples.traces(TOK))


def test_pairs_come_back_to_the_token(tmp_path: Path) -> None:
    assert samples.both(back("trl-preference", tmp_path / "a")) == samples.both(samples.traces(TOK))


@pytest.mark.parametrize("format", ["ms-swift-preference", "llama-factory"])
def test_pairs_come_back_as_text(format: str, tmp_path: Path) -> None:
    def texts(found: list[Trace]) -> list[tuple[tuple[str, str], ...]]:
        return [tuple(spelt(*side) for side in pair) for pair in samples.both(found)]

    assert texts(back(format, tmp_path / "a")) == texts(samples.traces(TOK))


@pytest.mark.parametrize("format", ["axolotl", "ms-swift"])
def test_masks_come_back_as_text(format: str, tmp_path: Path) -> None:
    def texts(found: list[Trace]) -> list[tuple[str, str]]:
        return [spelt(path.ids, path.trained) for trace in found for path in paths(trace, Tally())]

    assert texts(back(format, tmp_path / "a")) == texts(samples.traces(TOK))
