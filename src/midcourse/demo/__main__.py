"""`python -m midcourse.demo`: the demonstration without the rest of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from midcourse.demo.run import run
from midcourse.demo.settings import DemoSettings
from midcourse.demo.show import bars, words


def main() -> None:
    """Parse, run, show."""
    parser = argparse.ArgumentParser(prog="python -m midcourse.demo", description="Steer, train, measure, compare.")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    given = parser.parse_args()
    with bars() as (say, tell):
        result = run(
            given.out, DemoSettings(seed=given.seed, rounds=given.rounds), model=given.model, say=say, tell=tell
        )
    print(words(result))


if __name__ == "__main__":
    main()
