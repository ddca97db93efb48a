"""The self-check: does the packed pass give what separate rows give, for this model, on this data?

It runs before the first optimizer step. A way of running the model that fails it is not used; what was chosen is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from subprocess import SubprocessError
from typing import NamedTuple

import torch
from torch import nn

from midcourse.errors import ContextError, TrainingError
from midcourse.learn.batch import batch
from midcourse.learn.compute.network import Network, Way
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build
from midcourse.models import quantized
from midcourse.models.hub import first_line

WAYS: tuple[Way, ...] = ("flex", "tree", "mask", "rows")  # from fast to certain
ROW_TOKENS = 512  # what the row-wise side of the check may cost; one segment at least
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3, torch.bfloat16: 0.2, torch.float16: 0.05}  # nats a token

UNFIT = (
    *(TypeError, ValueError, RuntimeError, AttributeError, KeyError, AssertionError),
    *(ImportError, OSError, SubprocessError),  # no compiler, or one that failed
)


class Checked(NamedTuple):
    """The way to run the model, the largest difference from rows in nats a token, and what there is to tell."""

    network: Network
    difference: float
    notices: tuple[str, ...]


def choose(model: nn.Module, examples: Sequence[Example]) -> Checked:
    """The fastest way whose log-probabilities equal row-by-row ones on a sample of `examples`.

    Raises `TrainingError` when none does. The model is left in eval mode.
    """
    model.eval()
    notices: list[str] = []
    ways = _ways(Network(model).device)
    kind = type(Network(model).causal).__name__
    if getattr(Network(model).causal, "_is_stateful", False):
        ways = ("rows",)
        notices.append(f"{kind} carries a state that no mask can divide: training goes row by row, which is slower")
    for way in ways:
        network = Network(model, way)
        try:
            difference, tolerance = compare(network, examples)
            if way == "flex":
                _differentiate(network, examples)
        except UNFIT as error:
            notices.append(f"{kind} cannot be run as {way!r}: {first_line(error)}")
            continue
        if difference <= tolerance:
            return Checked(network, difference, tuple(notices))
        notices.append(f"{kind} run as {way!r} differs from rows by {difference:.2g} nats a token")
    raise TrainingError("the self-check failed: " + "; ".join(notices))


def _ways(device: torch.device) -> tuple[Way, ...]:
    """From fast to certain."""
    return WAYS if device.type == "cuda" else WAYS[1:]


def _differentiate(network: Network, examples: Sequence[Example]) -> None:
    """What is compiled is compiled again for the gradient, and for a second length; better now than at some step."""
    weights = [value for value in network.model.parameters() if value.requires_grad]
    sample = _sample(examples)
    for part in (sample[:1], sample) if weights else ():
        with network.attending():
            logp_T = network(batch(build(part), network.device)).logp_T
            torch.autograd.grad(logp_T.sum(), weights, allow_unused=True)


@torch.no_grad()
def compare(network: Network, examples: Sequence[Example]) -> tuple[float, float]:
    """The largest mean difference between packed and rows over the segments of a sample, and what is tolerable."""
    sample = _sample(examples)
    packed = batch(build(sample), network.device)
    packed_T = network(packed).logp_T
    counts = [len(placed.segment) for placed in packed.layout.segments]
    starts = [sum(counts[:number]) for number in range(len(counts))]
    ends = [
        packed.layout.position_N[packed.layout.row_T[start + count - 1]]
        for start, count in zip(starts, counts, strict=True)
    ]
    deepest = max(range(len(counts)), key=ends.__getitem__)
    budget, worst = ROW_TOKENS, 0.0
    # The deepest first: beyond a window, a chunk or a change of positions, a wrong mask shows nowhere else.
    for number in [deepest, *(n for n in sorted(range(len(counts)), key=lambda n: (-(n % 3), -n)) if n != deepest)]:
        placed = packed.layout.segments[number]
        alone = batch(build([Example(0, sample[placed.example].trace, (placed.segment,))]), network.device)
        if budget < len(alone.layout) and budget < ROW_TOKENS:
            break
        budget -= len(alone.layout)
        row_t = network.logprobs_by_rows(alone)
        if not torch.isfinite(row_t).all():
            name = sample[placed.example].name
            raise TrainingError(f"{name}: the untrained model gives {placed.segment.side} tokens no finite probability")
        here_t = packed_T[starts[number] : starts[number] + counts[number]]
        worst = max(worst, (here_t - row_t).abs().mean().item())
    return worst, TOLERANCE.get(quantized.numbers(network.causal), 1e-3)


def _sample(examples: Sequence[Example]) -> list[Example]:
    """The two with the shortest prompts, and the longest of all in place of one of them."""
    deepest = max(examples, key=lambda example: build([example]).depth)
    short = sorted(examples, key=lambda example: len(example.trace.prompt))
    return [deepest, *(example for example in short if example is not deepest)][:2]


def fit(examples: Sequence[Example], layouts: Sequence[Layout], context_length: int) -> None:
    """Raise `ContextError` naming all examples that are longer than the model's context. `layouts` is parallel."""
    long = [
        f"{example.name} has {layout.depth:,} tokens"
        for example, layout in zip(examples, layouts, strict=True)
        if layout.depth > context_length
    ]
    if long:
        raise ContextError(f"the model sees {context_length:,} tokens, but " + "; ".join(long))
