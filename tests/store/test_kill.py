"""A process is killed (SIGKILL) while it writes. What it acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from midcourse.store import Added, Store
from midcourse.trace.tree import problems
from tests.store.samples import make

TRACES = 800


@contextmanager
def writer(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.writer", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.25, 0.4, 0.6])
def test_killed_while_adding(url: str, wait: float) -> None:
    with Store.open(url) as store:
        store.add([make("before")])
    with writer(url, "add", str(TRACES)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        time.sleep(wait)  # anywhere in the second half, in the commit, or after it
        process.kill()
        acknowledged = process.stdout.read() == "done\n"
    with Store.open(url) as store:
        assert list(store.verify()) == []
        count = store.count().traces
        assert count == 1 + TRACES if acknowledged else count in (1, 1 + TRACES)
        there = count - 1
        assert store.add(make(f"trace {number}") for number in range(TRACES)) == Added(TRACES - there, there)
        assert store.get("trace 17") == make("trace 17")


@pytest.mark.parametrize("saves", [1, 20, 60, 150])
def test_killed_while_saving(url: str, saves: int) -> None:
    with writer(url, "save") as process:
        assert process.stdout is not None
        for _ in range(saves):
            process.stdout.readline()
        process.kill()
        last = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        said = [int(number) for number in (last[-1] if last else "0 0").split()]
    with Store.open(url) as store:
        assert list(store.verify()) == []
        trace = store.get("growing")
        assert len(trace.spans) >= max(said[0], 5 + saves)
        assert len(trace.steers) >= said[1]
        assert problems(trace) == []
        trace.grow([9], "human")  # and it goes on from there
        store.save(trace)
        assert store.get("growing") == trace
