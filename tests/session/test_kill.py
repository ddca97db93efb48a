"""A session is killed (SIGKILL) while the model writes and somebody steers; a real store, a real engine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from midcourse.session import Session, runs
from midcourse.store import Store
from midcourse.trace import problems
from tests import forked
from tests.session.writer import TRACE, sampling
from tests.toys import tiny_engine

SLACK = 0.25  # between the moment a token is written and the moment the child looks at the clock


@pytest.mark.parametrize(("temperature", "steers"), [(0.0, 1), (0.9, 5)])
def test_killed_while_writing(tmp_path: Path, temperature: float, steers: int) -> None:
    url = f"sqlite:///{tmp_path / 'traces.db'}"
    command = [sys.executable, "-m", "tests.session.writer", url, str(temperature)]
    with forked.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: list[list[str]] = []
        while sum(line[0] == "steer" for line in said) < steers or said[-1][0] == "steer":
            line = process.stdout.readline()
            assert line, "the child ended by itself"
            said.append(line.split())
        said += [process.stdout.readline().split() for _ in range(15)]  # into the next run
        process.kill()
        said += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]

    with Store.open(url) as store:
        assert list(store.verify()) == []
        trace = store.get(TRACE)
        assert problems(trace) == []

        acknowledged = [tuple(map(int, line[1:])) for line in said if line[0] == "steer"]
        assert len(acknowledged) >= steers
        there = [tuple(trace.run_ids(steer.chosen)) for steer in trace.steers if steer.chosen]
        assert there[: len(acknowledged)] == acknowledged, "a correction was lost"

        times = [float(line[1]) for line in said if line[0] == "token"]
        kept = sum(len(span.ids) for span in trace.spans if span.source == "model")
        if kept < len(times):
            assert times[-1] - times[kept] <= 0.5 + SLACK, "more than half a second of model text was lost"

        engine = tiny_engine("llama")
        begun = runs.begins(trace, trace.head)
        ids = [*trace.prompt, *trace.answer(begun)]
        wanted = replace(
            sampling(temperature), seed=sampling(temperature).seed + runs.SEED_STRIDE * runs.attempt(trace, trace.head)
        )
        run = trace.depth(trace.head) - trace.depth(begun)
        whole = [step.id for step in engine.stream(ids, wanted, max_tokens=run + 30)]
        session = Session(trace, engine, store.save, sampling=sampling(temperature))
        if not session.ended:
            list(session.resume(max_tokens=30))
        assert session.answer()[trace.depth(begun) :] == whole, "the run does not go on as it would have"
        assert store.get(TRACE) == session.trace
