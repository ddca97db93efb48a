"""What was exported for another tool and is imported again trains the same tokens, in the same context."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from midcourse.errors import UserError
from midcourse.formats import Reading, inputs, read
from midcourse.outgoing.supervised import pairs, paths, sides
from midcourse.outgoing.tally import Tally
from midcourse.outgoing.write import write
from midcourse.trace import Trace
from midcourse.trace.prefix import shared
from midcourse.trace.text import to_text
from midcourse.trace.tree import Run
from tests.outgoing import samples
from tests.traces import a_trace, traces

TOK = samples.tok()


def back(format: str, out: Path) -> list[Trace]:
    """The samples, exported and imported again, recognised by their first row."""
    write(format, out, samples.traces(TOK), samples.by(TOK))
    file = out / "midcourse.jsonl" if out.is_dir() else out
    found = list(read(inputs([file]), TOK, Reading(), model="any"))
    assert [str(problem) for one in found for problem in one.problems] == []
    return [trace for one in found for trace in one.traces]


def completed() -> Trace:
    """A correction of the last bytes of a character: the model had begun it, and went on to another."""
    trace = a_trace(TOK)
    right, wrong = TOK.encode("🦜"), TOK.encode("🙃")
    same = shared(right, wrong)
    assert 0 < same < len(right)
    said = trace.grow([*TOK.encode("oh"), *wrong], "model")
    at = len(TOK.encode("oh")) + same
    trace.steer(trace.at(trace.end_of(said.id), at), right[same:], [Run(said.id, at, len(said.ids))])
    return trace


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


@pytest.mark.parametrize(
    "format", ["trl-preference", "ms-swift-preference", "llama-factory", "axolotl", "ms-swift", "parquet"]
)
def test_half_a_character_comes_back_exactly_or_is_counted(format: str, tmp_path: Path) -> None:
    """Never as U+FFFD, which would be trained."""
    sample, out = completed(), tmp_path / "a"
    tally = write(format, out, [samples.abandoned(TOK), sample], samples.by(TOK))
    found = list(read(inputs([out / "midcourse.jsonl" if out.is_dir() else out]), TOK, Reading(), model="any"))
    traces = [trace for one in found for trace in one.traces]
    halves = [
        trace for trace in traces if "\ufffd" in to_text(TOK, [token for span in trace.spans for token in span.ids])
    ]
    if format in ("trl-preference", "parquet"):
        assert samples.both(halves) == samples.both([sample])
    else:
        assert halves == []
        assert sum(count for why, count in tally.left.items() if "half a character" in why) == 1
    assert len(traces) > len(halves)


EXACT = ("trl-preference", "kto", "trl-sft", "parquet")
SPELT = ("ms-swift-preference", "llama-factory", "ms-swift", "axolotl")


def said(format: str, found: list[Trace]) -> set[tuple[object, ...]]:
    """What rows of a format say of traces: ids where those go out, else text."""
    if format == "parquet":
        runs = [
            (trace, steer, *([steer.chosen] if steer.chosen else []), *steer.rejected)
            for trace in found
            for steer in trace.steers
        ]
        return {(*trace.context(steer), *(tuple(trace.run_ids(run)) for run in sides)) for trace, steer, *sides in runs}
    if format in ("trl-sft", "ms-swift", "axolotl"):
        rows = [(path.ids, path.trained) for trace in found for path in paths(trace, Tally())]
        return {(tuple(ids), tuple(trained)) if format in EXACT else spelt(ids, trained) for ids, trained in rows}
    several = [pair for trace in found for pair in (sides if format == "kto" else pairs)(trace, Tally())]
    whole = [
        ([*pair.context, *pair.chosen], [*pair.context, *pair.rejected]) for pair in several
    ]  # a pair may be trimmed
    return {
        (tuple(good), tuple(bad)) if format in EXACT else (TOK.spelled(good), TOK.spelled(bad)) for good, bad in whole
    }


@pytest.mark.parametrize("format", [*EXACT, *SPELT])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(trace=traces(TOK))
def test_any_trace_comes_back(format: str, trace: Trace) -> None:
    """All of it where ids go out; elsewhere nothing else, and what is missing is counted."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "a"
        try:
            tally = write(format, out, [trace], samples.by(TOK))
        except UserError:
            assume(False)
        found = list(read(inputs([out / "midcourse.jsonl" if out.is_dir() else out]), TOK, Reading(), model="any"))
    assert [str(problem) for one in found for problem in one.problems] == []
    came, went = said(format, [trace for one in found for trace in one.traces]), said(format, [trace])
    assert came <= went
    assert came == went or (format in SPELT and (tally.left or found[-1].notices))


def test_texts_of_ours_that_were_edited_count_and_half_a_character_is_left_out(tmp_path: Path) -> None:
    def come(out: Path) -> tuple[list[Trace], str]:
        found = list(read(inputs([out]), TOK, Reading(), model="any"))
        assert [problem for one in found for problem in one.problems] == []
        return [trace for one in found for trace in one.traces], " ".join(found[-1].notices)

    out = tmp_path / "a"
    write("trl-preference", out, samples.traces(TOK)[:1], samples.by(TOK))
    row, *_ = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    for name in ("chosen", "rejected", "before"):
        out.write_text(json.dumps({**row, name: "anew" + row[name]}), encoding="utf-8")
        (trace,), said = come(out)
        assert "anew" in to_text(TOK, [token for span in trace.spans for token in span.ids])
        assert "come in through their texts" in said
    write("trl-preference", out, [samples.unfinished(TOK)], samples.by(TOK))
    row = json.loads(out.read_text(encoding="utf-8"))
    out.write_text(json.dumps({key: row[key] for key in row if not key.endswith("_ids")}), encoding="utf-8")
    traces, said = come(out)
    assert traces == []
    assert "only half of a character" in said


@pytest.mark.parametrize("format", ["axolotl", "ms-swift"])
def test_masks_come_back_as_text(format: str, tmp_path: Path) -> None:
    def texts(found: list[Trace]) -> list[tuple[str, str]]:
        return [spelt(path.ids, path.trained) for trace in found for path in paths(trace, Tally())]

    assert texts(back(format, tmp_path / "a")) == texts(samples.traces(TOK))
