"""How fast the store is with 100,000 steers in it: import, pages, saving as a trace grows, export, verifying.

    python benchmarks/store.py [--steers 100000] [--store URL] [--json]

Every number is of one run on this machine and disk; without `--store`, a new SQLite file in a temporary folder is used.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from midcourse.store import Store
from midcourse.trace.tree import Run, Trace

STEERS_A_TRACE = 10
SEGMENT = 20  # tokens that the model writes before it is stopped
TYPED = 12
END = 2
SYLLABLES = (
    "an",
    "ti",
    "per",
    "so",
    "ma",
    "le",
    "qui",
    "con",
    "dor",
    "est",
    "ve",
    "ung",
    "re",
    "sta",
    "ho",
    "ix",
    "bel",
)
WORDS = tuple(first + second for first in SYLLABLES for second in SYLLABLES)
# As many characters a token as a tokenizer of English has: four, with the space.
PIECES = (*SYLLABLES, *(f" {word}" for word in SYLLABLES), *(f" {word}" for word in WORDS[::9]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steers", type=int, default=100_000)
    parser.add_argument("--store", help="URL of an empty database")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments.store or f"sqlite:///{folder}/traces.db", arguments.steers)
    figures["characters a token in searched texts"] = sum(map(len, PIECES)) / len(PIECES)
    if arguments.json:
        json.dump(figures, sys.stdout, indent=2)
        return
    for name, figure in figures.items():
        print(f"{name:48} {figure:>12,.2f}")


def measure(url: str, steers: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with Store.open(url) as store:
        store.add(islice(make_traces(10**6), 20), decode)  # what is loaded once: not what is measured
        memory, made = peak_mb(), list(islice(make_traces(1), 200))
        began = time.perf_counter()
        for _ in range(5):
            list(islice(make_traces(1), 200))
        making = (time.perf_counter() - began) / 1000  # seconds to make one trace, taken off below
        del made
        began = time.perf_counter()
        store.add(islice(make_traces(1), steers // STEERS_A_TRACE), decode)
        seconds = time.perf_counter() - began - making * steers / STEERS_A_TRACE
        figures["import, steers a second"] = steers / seconds
        figures["import, peak memory above start, MB"] = peak_mb() - memory
        began = time.perf_counter()
        store.add(islice(make_traces(1), steers // STEERS_A_TRACE), decode)
        figures["import of the same again, steers a second"] = steers / (time.perf_counter() - began)
        figures |= page_figures(store)
        figures |= save_figures(store)
        memory, began = peak_mb(), time.perf_counter()
        exported = sum(len(trace.steers) for trace in store.all())
        figures["export, steers a second"] = exported / (time.perf_counter() - began)
        figures["export, peak memory above start, MB"] = peak_mb() - memory
        memory, began = peak_mb(), time.perf_counter()
        assert not list(store.verify())
        figures["verify, steers a second"] = exported / (time.perf_counter() - began)
        figures["verify, peak memory above start, MB"] = peak_mb() - memory
    if url.startswith("sqlite:///"):
        figures["file, bytes a steer"] = Path(url.removeprefix("sqlite:///")).stat().st_size / steers
    return figures


def page_figures(store: Store) -> dict[str, float]:
    """Milliseconds for the slowest of the first, a middle and the last page of each way of listing."""
    asked: dict[str, Callable[[str | None], tuple[Sequence[object], str | None]]] = {}

    def steers(**filters: Any) -> Callable[[str | None], tuple[Sequence[object], str | None]]:
        def page(after: str | None) -> tuple[Sequence[object], str | None]:
            found = store.steers(after=after, **filters)
            return found.rows, found.next

        return page

    def traces(**filters: Any) -> Callable[[str | None], tuple[Sequence[object], str | None]]:
        def page(after: str | None) -> tuple[Sequence[object], str | None]:
            found = store.traces(after=after, **filters)
            return found.rows, found.next

        return page

    asked["traces"] = traces()
    asked["traces, steered"] = traces(steered=True)
    asked["traces, not steered"] = traces(steered=False)
    asked["traces by tag"] = traces(tag="tag 1")
    asked["traces by attribute"] = traces(attribute="helpfulness")
    asked["traces by attribute in a range"] = traces(attribute="helpfulness:3..4")
    asked["traces by attribute, tag and author"] = traces(attribute="helpfulness:3..", tag="tag 1", author="eve")
    asked["traces by author"] = traces(author="eve")
    asked["traces by author who is not there"] = traces(author="nobody")
    asked["traces by model"] = traces(model="other")
    asked["traces by text that is not there"] = traces(text="not there")
    asked["steers"] = steers()
    asked["steers by tag"] = steers(tag="format")
    asked["steers by rare tag"] = steers(tag="rare")
    asked["steers by author"] = steers(author="ada")
    asked["steers by author who is not there"] = steers(author="nobody")
    asked["steers by tag and author"] = steers(tag="format", author="ada")
    asked["steers by tag and author that never meet"] = steers(tag="format", author="eve")
    asked["steers by kind"] = steers(kind="mark")
    asked["steers by kind that is not there"] = steers(kind="ending")
    asked["steers set aside"] = steers(aside=True)
    asked["steers not set aside"] = steers(aside=False)
    asked["steers that are abandoned"] = steers(abandoned=True)
    asked["steers set aside, by author and kind, abandoned"] = steers(
        aside=True, author="ada", kind="correction", abandoned=True
    )
    asked["steers by the trace's tag"] = steers(trace_tag="tag 1")
    asked["steers by the trace's tag, set aside"] = steers(trace_tag="tag 1", aside=True)
    asked["steers by model"] = steers(model="other")
    asked["steers by model, tag and kind"] = steers(model="other", tag="format", kind="mark")
    asked["steers by common text"] = steers(text="quicon")
    asked["steers by rare text"] = steers(text="bel ti so an per")
    asked["steers by text that is not there"] = steers(text="not there")
    asked["steers by text and tag"] = steers(text="not there", tag="format")
    asked["steers by text and author"] = steers(text="not there", author="ada")
    asked["steers of a trace"] = steers(trace="trace 77")
    figures = {}
    for name, page in asked.items():
        key: str | None = None
        keys: list[str | None] = [None]
        for _ in range(5000):
            key = page(key)[1]
            if key is None:
                break
            keys.append(key)
        figures[f"page of {name}, ms"] = max(best_ms(page, keys[place]) for place in (0, len(keys) // 2, -1))
    figures["first page of traces with their number, ms"] = best_ms(lambda _: store.traces(total=True), None)
    figures["first page of steers with their number, ms"] = best_ms(lambda _: store.steers(total=True), None)
    for filters in ({"tag": "format"}, {"author": "ada", "aside": False}, {"trace_tag": "tag 1"}, {"text": "quicon"}):
        name = " and ".join(filters)
        figures[f"the same by {name}, ms"] = best_ms(lambda _, by=filters: store.steers(total=True, **by), None)
    figures["the first 1,000 traces, ms"] = best_ms(lambda _: store.traces(limit=1000), None)
    figures["all traces, page by page, ms"] = best_ms(lambda _: all_pages(store), None)
    figures["what there is to filter by, ms"] = best_ms(lambda _: store.facets(), None)
    return figures


def all_pages(store: Store) -> None:
    """The whole list, a thousand traces at a time."""
    after: str | None = None
    while (page := store.traces(after=after, limit=1000)).next is not None:
        after = page.next


def save_figures(store: Store) -> dict[str, float]:
    """Milliseconds to save a trace that grows by half a second of tokens at a time, with a steer now and then."""
    trace = Trace("growing", [{"role": "user", "content": "Go on"}], tuple(range(200)), "m", "t", frozenset({END}))
    times = []
    for number in range(400):  # 3,200 tokens
        trace.grow([10 + number % 50] * 8, "model", [-0.5] * 8)
        if number % 20 == 19:
            depth = trace.depth(trace.head)
            assert trace.head.span is not None
            at = trace.at(trace.head, depth - 8)
            trace.steer(at, [5, 6, 7], [Run(trace.head.span, depth - 8, depth)], author="ada")
        began = time.perf_counter()
        store.save(trace, decode)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return {
        "save of 8 more tokens, median ms": statistics.median(times),
        "save of 8 more tokens, 99th percentile ms": times[len(times) * 99 // 100],
        "save of 8 more tokens, slowest ms": times[-1],
    }


def best_ms(page: Callable[[str | None], object], key: str | None) -> float:
    """The second fastest of five: without what else this machine did, and not flattered either."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        page(key)
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[1]


def make_traces(seed: int) -> Iterator[Trace]:
    """Traces of 10 steers each; every hundredth has none."""
    rng = random.Random(seed)
    number = 0
    while True:
        number += 1
        question = " ".join(rng.choice(WORDS) for _ in range(12))
        trace = Trace(
            f"trace {number}" if seed == 1 else f"trace {seed}.{number}",
            [{"role": "user", "content": question}],
            tuple(rng.choices(range(5000), k=60)),
            "model" if number % 50 else "other",
            "tokenizer",
            frozenset({END}),
            attributes={"helpfulness": float(number % 5)},
            tags=(f"tag {number % 7}",),
            created="2026-11-22T12:00:00Z",
        )
        for step in range(STEERS_A_TRACE if number % 100 else 0):
            ids = rng.choices(range(10, 5000), k=SEGMENT)
            trace.grow(ids, "model", [-0.5] * SEGMENT)
            assert trace.head.span is not None
            depth = trace.depth(trace.head)
            trace.steer(
                trace.at(trace.head, depth - TYPED),
                [5 + ids[SEGMENT - TYPED] % 3, *rng.choices(range(10, 5000), k=TYPED - 1)],
                [Run(trace.head.span, depth - TYPED, depth)],
                reason="the house format says otherwise" if step == 0 else None,
                tags=["format"] if step % 2 else ["rare"] if number % 500 == 1 else ["fact"],
                author="eve" if step % 2 == 0 and number % 2 else "ada",
                created="2026-11-22T12:00:00Z",
            )
        trace.grow([*rng.choices(range(10, 5000), k=SEGMENT), END], "model")
        if trace.steers and number % 20 == 0:  # some set aside, some marked, some abandoned
            trace.steers[3] = replace(trace.steers[3], aside=True)
            at = trace.end_of(trace.steers[5].rejected[0].span)
            trace.steer(
                trace.at(at, trace.depth(at) - 4), None, [Run(at.span or 0, trace.depth(at) - 4, trace.depth(at))]
            )
            trace.undo()
            trace.undo()
        yield trace


def decode(ids: Sequence[int]) -> str:
    return "".join(PIECES[token % len(PIECES)] for token in ids)


def peak_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
