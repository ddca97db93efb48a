"""The benchmark of where to look: its cases are what the oracle sees, its numbers what they are called."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest
from benchmarks.proposals import Case, chance, hits, least_sure, looks, pressed, rate, rated

from benchmarks import proposals
from midcourse.attributes.predictors.predictor import Dense
from midcourse.demo.notes import draw
from midcourse.steerers.follow import Follower
from midcourse.trace.text import to_bytes, to_text
from tests.toys import ToyEngine, copyist


def test_cases_are_where_the_oracle_would_steer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A model that makes two mistakes and talks on: three cases, each after what was put right."""
    (note,) = draw("train", 1, 0)
    engine = ToyEngine(copyist(note.reference, {"city = ": "nowhere", "age = ": "none"}, tail="\nBye!"))
    monkeypatch.setattr(proposals, "TOKENS", 200)
    cases = proposals.write(engine, [note], tmp_path / "part")
    assert len(cases) == 3
    for case in cases:
        assert case.note == 0
        assert case.start <= case.wrong < len(case.ends) == len(case.surprise)
        assert [nats is None for nats in case.surprise] == [token < case.start for token in range(len(case.ends))]
        ids = engine.tokenizer.encode(case.answer)
        assert case.ends[: len(ids)][-1] == len(to_bytes(engine.tokenizer, ids)) == len(case.answer.encode())
        follower = Follower(note.reference, engine.tokenizer)
        for token in ids:
            follower.read(token)
        assert follower.divergence is not None
        assert follower.divergence.token == case.wrong
    monkeypatch.setattr(engine, "batch", None)  # all is there
    assert proposals.write(engine, [note], tmp_path / "part") == cases
    last = cases[-1]
    assert to_text(engine.tokenizer, engine.tokenizer.encode(last.answer)[: last.wrong]) == note.reference
    rows = rated(cases, [note])
    assert [row.last.values["right"] for row in rows] == [*(float(case.right) for case in cases), 5.0]
    assert len({row.id for row in rows}) == 4


def _case(note: int, surprise: list[float | None], wrong: int) -> Case:
    start = sum(nats is None for nats in surprise)
    return Case(note, [], "", list(range(1, len(surprise) + 1)), surprise, start, wrong, 0)


def test_chance_counts_the_models_own_tokens_alone() -> None:
    assert chance(_case(0, [0.0] * 20, 10)) == 11 / 20
    assert chance(_case(0, [0.0] * 20, 0)) == 6 / 20
    assert chance(_case(0, [None] * 8 + [0.0] * 12, 10)) == 8 / 12


def test_n_goes_where_the_page_goes() -> None:
    """`tests/studio/page/answer-looking.test.js` reads the same file."""
    cases = json.loads((Path(__file__).parents[1] / "studio" / "page" / "places.json").read_text())
    assert len(cases) > 4
    for case in cases:
        assert looks([-log(share) for share in case["shares"]]) == case["places"], case["name"]
    assert looks([None, None, 3.0]) == [2]


def test_a_place_is_found_by_whoever_presses_often_enough() -> None:
    case = _case(0, [0.0] * 10 + [2.0] + [0.0] * 9 + [6.0], 10)
    assert [hits(pressed(times), [case], [Dense([], {})]) for times in (1, 2, 3)] == [[0.0], [1.0], [1.0]]


def test_hits_and_their_error_over_notes() -> None:
    """Two cases of one note that agree say no more than one of them."""
    found = [_case(note, [0.0] * 10 + [5.0] + [0.0] * 9, wrong) for note, wrong in ((0, 10), (0, 15), (1, 2), (1, 3))]
    hit = hits(least_sure, found, [Dense([], {})] * 4)
    assert hit == [1.0, 1.0, 0.0, 0.0]
    assert rate(hit, found) == {"rate": 0.5, "error": pytest.approx(0.5)}
