"""A process to be killed: steers a tiny model for ever, and says what was written and what was acknowledged."""

from __future__ import annotations

import sys
import time

from midcourse.engine.sampling import Sampling
from midcourse.session import Session
from midcourse.store import Store
from tests.toys import tiny_engine

ASK = [{"role": "user", "content": "go on"}]
TRACE = "killed"


def sampling(temperature: float) -> Sampling:
    return Sampling(temperature=temperature, seed=11)


def main(url: str, temperature: str) -> None:
    store, engine = Store.open(url), tiny_engine("llama")
    session = Session.start(ASK, engine, store.save, sampling=sampling(float(temperature)), id=TRACE)
    turn = 0
    while True:
        turn += 1
        run = session.regenerate(top=0) if turn % 4 == 0 else session.resume(top=0)
        for count, _ in enumerate(run, start=1):
            time.sleep(0.02)
            print("token", time.monotonic(), flush=True)
            if count == 40:
                break
        depth = max(0, len(session.answer()) - 25) if turn % 5 else 0
        steer = session.steer(f"steer {turn}!\n", depth=depth)
        assert steer.chosen is not None
        print("steer", *session.trace.run_ids(steer.chosen), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
