"""One thread lets the model write and reads along, another one steers: nothing is lost, torn or stuck."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from midcourse.errors import UserError
from midcourse.session import Session
from midcourse.session import stream as stream_module
from midcourse.store import Store
from midcourse.trace import problems
from tests.toys import ToyEngine
from tests.waiting import PATIENCE


def test_steering_while_another_thread_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "CHUNK_SECONDS", 0.002)
    engine = ToyEngine(context_length=100_000)
    over, failures = threading.Event(), []

    def read() -> None:
        try:
            while not over.is_set():
                with suppress(UserError):
                    for _ in session.resume():
                        session.text()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    with Store.open(f"sqlite:///{tmp_path / 'traces.db'}") as store:
        session = Session.start([{"role": "user", "content": "go"}], engine, store.save)
        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        dice = random.Random(1)
        done = 0
        for turn in range(60):
            with suppress(UserError):
                match dice.randrange(5):
                    case 0 | 1:
                        steer = session.steer(f"turn {turn}", depth=dice.randrange(4))
                        assert store.get(session.trace.id).steers[steer.id] == steer, "not saved when acknowledged"
                        done += 1
                    case 2:
                        session.undo()
                    case 3:
                        session.branch(dice.randrange(3))
                    case _:
                        session.stop()
        over.set()
        session.stop()
        for reader in readers:
            reader.join(PATIENCE)
            assert not reader.is_alive()
        session.stop()
        assert failures == []
        assert done > 5
        assert problems(session.trace) == []
        assert not engine.open
        assert store.get(session.trace.id) == session.trace
