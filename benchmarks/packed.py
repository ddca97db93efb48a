"""One packed training step against the row-wise steps that it replaces.

    python benchmarks/packed.py [--model bundled] [--length 1024] [--steers 32] [--side 15] [--threads 2]
        [--dtypes auto float32 bfloat16] [--json FILE]

One trace of `length` tokens with `steers` steers of `side` + `side` tokens. The packed step trains all of them at once;
a row-wise step trains one steer, its two sides as a batch of two sequences with the whole context in each. Both run the
same model, LoRA, objective (dpo + sft, reference known) and optimizer, and both put supervised rows only through the LM
head. Packed steps lie between the row-wise ones, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from midcourse import adapters, models
from midcourse.learn import evidence, precision
from midcourse.learn.batch import Batch, batch
from midcourse.learn.expression import parse
from midcourse.learn.items import Example, examples
from midcourse.learn.layout import build
from midcourse.learn.network import Network, Output
from midcourse.learn.objectives import Constants
from midcourse.learn.reference import Reference
from midcourse.trace.tree import Run, Trace

PROMPT = 64
ROUNDS = 4  # packed steps are taken before, between and after so many parts of the row-wise ones


def trace(length: int, steers: int, side: int, vocabulary: int, seed: int = 0) -> Trace:
    """A trace of random tokens, its steers at equal distances."""
    source = random.Random(seed)

    def ids(count: int) -> list[int]:
        return [source.randrange(100, vocabulary) for _ in range(count)]

    made = Trace("benchmark", [], tuple(ids(PROMPT)), "any", "any")
    gap = (length - PROMPT) // steers - side
    assert gap > 0, "the steers do not fit into the trace"
    for _ in range(steers):
        made.grow(ids(gap), "model")
        at = made.head
        span = made.branch(at, ids(side), "model")
        made.steer(at, ids(side), [Run(span.id, made.depth(at), made.depth(at) + side)])
    return made


class Rows(Network):
    """One steer as a batch of two plain causal sequences, which are equally long here."""

    def __call__(self, batch: Batch) -> Output:
        """As `Network`, for a layout of one steer."""
        layout, side = batch.layout, len(batch.token_T) // 2
        ends = [layout.row_T[side - 1], layout.row_T[-1]]
        ids_2L = torch.tensor([[layout.token_N[row] for row in layout.path(end)] for end in ends])
        hidden_2LD = self.decoder(input_ids=ids_2L, use_cache=False).last_hidden_state
        hidden_TD = hidden_2LD[:, -side:].reshape(2 * side, -1)
        index_T = torch.arange(2 * side)
        return Output(self.read(hidden_TD, index_T, batch.token_T), hidden_TD, index_T)


def stepper(network: Network, example: Example, reference: Reference, optimizer: Any) -> Callable[[], float]:
    """One optimizer step on `example`, which returns its seconds."""
    made = batch(build([example]))
    list(reference.learn(network, [made.layout], network.model.disable_adapter))
    terms, weight = parse("dpo + sft"), evidence.weight(example.segments)

    def step() -> float:
        start = time.perf_counter()
        with network.attending():
            found = evidence.gather(network, made, network(made), reference, terms)
            loss: Tensor = evidence.total(found, terms, Constants()) / weight
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - start

    return step


def measure(loaded: models.Loaded, made: Trace, dtype: torch.dtype) -> dict[str, Any]:
    """Seconds of the packed step and of the row-wise steps, in `dtype`."""
    (whole,) = examples([made])
    parts = [Example(0, made, tuple(one for one in whole.segments if one.steer == steer.id)) for steer in made.steers]
    optimizer = torch.optim.AdamW([value for value in loaded.model.parameters() if value.requires_grad], lr=1e-5)
    tree, rows = Network(loaded.model), Rows(loaded.model, "rows")
    packed, separate = [], []
    with precision.computing(loaded.model, dtype):
        reference = Reference()
        packed_step = stepper(tree, whole, reference, optimizer)
        row_steps = [stepper(rows, part, reference, optimizer) for part in parts]
        packed_step(), row_steps[0]()  # warm up
        for number in range(ROUNDS):
            packed.append(packed_step())
            separate += [row_step() for row_step in row_steps[number::ROUNDS]]
        packed.append(packed_step())
    seconds = statistics.median(packed)
    return {
        "dtype": str(dtype).removeprefix("torch."),
        "packed_tokens": len(build([whole])),
        "row_tokens": sum(2 * (build([part]).depth - 1) for part in parts),
        "packed_seconds": seconds,
        "packed_spread": [min(packed), max(packed)],
        "rows_seconds": sum(separate),
        "times_faster": sum(separate) / seconds,
    }


def main() -> None:
    """Print a line a dtype."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--steers", type=int, default=32)
    parser.add_argument("--side", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtypes", nargs="+", default=["auto"], help="auto: what training would take here")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = []
    for name in options.dtypes:
        loaded = adapters.add_lora(models.load(options.model, dtype="float32"))
        loaded.model.train(False)
        vocabulary = loaded.model.config.get_text_config().vocab_size
        made = trace(options.length, options.steers, options.side, vocabulary)
        found = measure(loaded, made, precision.resolve(name, loaded.device))
        results.append(found)
        print(
            f"{found['dtype']}: packed {found['packed_seconds']:.2f} s ({found['packed_tokens']:,} tokens), "
            f"row by row {found['rows_seconds']:.1f} s ({found['row_tokens']:,} tokens): "
            f"{found['times_faster']:.1f} times as fast",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps({**vars(options), "json": None, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
