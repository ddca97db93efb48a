"""A program that writes to a store and says what was acknowledged, until it is killed.

python -m tests.store.writer URL add COUNT     adds COUNT traces at once; says "half" in the middle and "done" after it
python -m tests.store.writer URL save          saves a growing trace for ever; says how many spans are safe
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from midcourse.store import Store
from midcourse.trace.tree import Trace
from tests.store.samples import make


def add(store: Store, count: int) -> None:
    def traces() -> Iterator[Trace]:
        for number in range(count):
            if number == count // 2:
                print("half", flush=True)
            yield make(f"trace {number}")

    store.add(traces())
    print("done", flush=True)


def save(store: Store) -> None:
    trace = make("growing")
    while True:
        trace.grow([len(trace.spans) % 90, 7], "model", [-0.5, -0.25])
        if len(trace.spans) % 5 == 0:
            trace.steer(trace.at(trace.head, trace.depth(trace.head) - 1), [1, 2, 3])
        store.save(trace)
        print(len(trace.spans), len(trace.steers), flush=True)


if __name__ == "__main__":
    with Store.open(sys.argv[1]) as opened:
        if sys.argv[2] == "add":
            add(opened, int(sys.argv[3]))
        else:
            save(opened)
