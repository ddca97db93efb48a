"""Samples of one request as one tree: the prompt, and behind it every answer; and what a model gives each of them.

Representation: a `learn` example whose trace has one span a sample, all of which begin at the end of the prompt. Its
segments are of the side `sample` and share one steer, so they are packed together and the prompt is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch

from midcourse.learn import packing
from midcourse.learn.batch import batch
from midcourse.learn.compute.network import Network
from midcourse.learn.items import Drawn, Example, Segment, Slice
from midcourse.trace.tree import ROOT, Trace


def group(number: int, prompt: Sequence[int], answers: Iterable[Sequence[int]], name: str = "") -> Example:
    """The example `number`: the token ids of several answers to the same prompt. An answer has at least one token."""
    trace = Trace(id=name or f"request-{number}", messages=[], prompt=tuple(prompt), model="", tokenizer="")
    segments = []
    for which, ids in enumerate(answers):
        span = trace.branch(ROOT, list(ids), "import")
        segments.append(Segment("sample", (Slice(span.id, 0, len(span.ids)),), 1.0, steer=0, which=which))
    return Example(number, trace, tuple(segments), name)


def weighed(example: Example, targets: Sequence[float], logps: Sequence[float]) -> Example:
    """`example` with what each sample should weigh, and the log-probability that it was drawn with."""
    drawn = (Drawn(target, logp) for target, logp in zip(targets, logps, strict=True))
    return replace(
        example,
        segments=tuple(replace(one, drawn=how) for one, how in zip(example.segments, drawn, strict=True)),
    )


@torch.no_grad()
def logps(
    network: Network,
    examples: Sequence[Example],
    max_tokens: int = 4096,
    report: Callable[[int, int], None] = lambda *_: None,
) -> list[list[float]]:
    """log-probabilities in nats, parallel to `examples` and the segments of each, as training computes them."""
    by_rows = network.way == "rows"
    found = {one.number: [0.0] * len(one.segments) for one in examples}
    packs = packing.packs(examples, max_tokens, by_rows=by_rows)
    network.model.eval()
    for done, layout in enumerate(packs):
        report(done, len(packs))
        made = batch(layout, network.device)
        logp_T = network.logprobs_by_rows(made) if by_rows else network(made).logp_T
        sum_G = torch.zeros(len(layout.segments), dtype=torch.float64).index_add(
            0, made.segment_T.cpu(), logp_T.cpu().double()
        )
        for placed, logp in zip(layout.segments, sum_G.tolist(), strict=True):
            found[layout.examples[placed.example].number][placed.segment.which] = logp
    report(len(packs), len(packs))
    return [found[one.number] for one in examples]
